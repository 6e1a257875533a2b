"""Tests of the real server: gunicorn, nginx, browsers and generated clients."""
