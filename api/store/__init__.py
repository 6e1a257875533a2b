"""What is kept: tables, and the questions asked of them, in SQL."""
