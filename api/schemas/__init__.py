"""marshmallow schemas: a class per JSON shape."""
