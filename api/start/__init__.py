"""What gunicorn needs to start. The package imports only settings, because gunicorn's master imports it."""
