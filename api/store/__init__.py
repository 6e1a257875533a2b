"""SQL: tables, and the functions that query and change them."""
