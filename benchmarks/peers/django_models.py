"""Pressroom's tables in Django's ORM, and Django's settings, reduced to what it needs."""

import secrets
from functools import partial

import django
from common import DATABASE, PRAGMAS
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATABASE,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "".join(f"PRAGMA {pragma};" for pragma in PRAGMAS),
                "transaction_mode": "IMMEDIATE",
            },
        }
    },
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="django_rest",
    MIDDLEWARE=["django.middleware.http.ConditionalGetMiddleware"],
    USE_TZ=True,
    TIME_ZONE="UTC",
    USE_I18N=False,
    REST_FRAMEWORK={
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.db import models  # noqa: E402 (needs the settings above)


class User(models.Model):
    """A user."""

    username = models.CharField(max_length=39, unique=True)
    display_name = models.CharField(max_length=100)
    updated_at = models.DateTimeField()
    is_authenticated = True

    class Meta:
        app_label, db_table, managed = "press", "users", False

    @property
    def url(self) -> str:
        """The URL of the user."""
        return f"/users/{self.username}"


class Token(models.Model):
    """A bearer token."""

    user = models.ForeignKey(User, models.CASCADE)
    sha256 = models.BinaryField(unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "press", "tokens", False


class Post(models.Model):
    """A post."""

    author = models.ForeignKey(User, models.PROTECT)
    slug = models.CharField(max_length=80, null=True)
    title = models.CharField(max_length=200)
    body = models.TextField()
    tags = models.JSONField()
    metadata = models.JSONField()
    closed = models.BooleanField(default=False)
    published_at = models.DateTimeField()
    revision = models.CharField(max_length=16, default=partial(secrets.token_hex, 8))
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "press", "posts", False

    @property
    def url(self) -> str:
        """The URL of the post."""
        return f"/posts/{self.pk}"


class PostTag(models.Model):
    """The index of posts by tag."""

    pk = models.CompositePrimaryKey("post_id", "tag")
    post = models.ForeignKey(Post, models.CASCADE)
    tag = models.CharField(max_length=49)
    published_at = models.DateTimeField()
    author_id = models.IntegerField()

    class Meta:
        app_label, db_table, managed = "press", "post_tags", False
