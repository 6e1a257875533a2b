"""What clients send and receive: closed marshmallow schemas, one class per shape."""
