"""F: Django REST framework with model serializers and generic views, as in its tutorial."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from common import END, METADATA_NAME, SLUG, TAG, cursor, link, position

from django_models import Post, PostTag, Token, User  # isort: skip (configures Django)
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.db.models import Q
from django.urls import path
from rest_framework import authentication, exceptions, generics, pagination, permissions, serializers
from rest_framework.response import Response


class AuthorSerializer(serializers.ModelSerializer):
    """The author of a post."""

    class Meta:
        model, fields = User, ("username", "display_name", "url")


class PublishedAt(serializers.DateTimeField):
    """`published_at`, which is stored as the greatest datetime for drafts."""

    def to_representation(self, value: datetime) -> Any:
        """Return the datetime, or None for a draft."""
        return None if value == END else super().to_representation(value)


class Comments(serializers.ChoiceField):
    """Whether users may comment on a post, which is stored as whether it is closed."""

    def to_representation(self, value: bool) -> str:  # noqa: FBT001 (the base class has the value alone)
        """Return the word."""
        return "closed" if value else "open"

    def to_internal_value(self, data: Any) -> bool:
        """Return whether it is closed."""
        return super().to_internal_value(data) == "closed"


class PostSerializer(serializers.ModelSerializer):
    """A post."""

    slug = serializers.RegexField(SLUG, max_length=80, allow_null=True, default=None)
    body = serializers.CharField(max_length=262_144, trim_whitespace=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.RegexField(TAG), max_length=10, default=list)
    metadata = serializers.DictField(
        child=serializers.CharField(max_length=500, trim_whitespace=False, allow_blank=True), default=dict
    )
    comments = Comments(choices=["open", "closed"], source="closed", default=False)
    author = AuthorSerializer(read_only=True)
    published_at = PublishedAt(allow_null=True, default=lambda: datetime.now(UTC))

    class Meta:
        model = Post
        fields = (
            "id",
            "slug",
            "title",
            "body",
            "tags",
            "metadata",
            "comments",
            "author",
            "published_at",
            "created_at",
            "updated_at",
            "revision",
            "url",
        )
        read_only_fields = ("created_at", "updated_at", "revision")

    def validate_tags(self, tags: list[str]) -> list[str]:
        """Reject duplicate tags."""
        if len(set(tags)) < len(tags):
            raise serializers.ValidationError("Tags must be unique.")
        return tags

    def validate_metadata(self, metadata: dict[str, str]) -> dict[str, str]:
        """Reject too many properties, and names of another form."""
        if len(metadata) > 20 or not all(re.match(METADATA_NAME, name) for name in metadata):
            raise serializers.ValidationError("Invalid names, or too many.")
        return metadata

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Reject unknown properties."""
        if self.initial_data.keys() - self.fields.keys():
            raise serializers.ValidationError("Unknown property.")
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Post:
        """Store a new post and its tags."""
        now = datetime.now(UTC)
        content = {**validated_data, "published_at": validated_data["published_at"] or END}
        with transaction.atomic():
            post = Post.objects.create(**content, created_at=now, updated_at=now)
            index = [
                PostTag(post=post, tag=each, published_at=post.published_at, author_id=post.author_id)
                for each in post.tags
            ]
            PostTag.objects.bulk_create(index)
        return post


class Bearer(authentication.BaseAuthentication):
    """Bearer tokens, stored as hashes."""

    def authenticate(self, request: Any) -> tuple[User, Token] | None:
        """Return the user and the token, or None without a token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest, tokens = hashlib.sha256(token.encode()).digest(), Token.objects.select_related("user")
        try:
            row = tokens.get(sha256=digest, expires_at__gt=datetime.now(UTC))
        except Token.DoesNotExist as error:
            raise exceptions.AuthenticationFailed from error
        return row.user, row

    def authenticate_header(self, request: Any) -> str:
        """Return the value of `WWW-Authenticate`."""
        return "Bearer"


class Keyset(pagination.BasePagination):
    """Keyset pagination, newest first."""

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Post]:
        """Return the twenty posts after the cursor."""
        try:
            published_at, post_id = position(request.query_params.get("cursor"))
        except ValueError as error:
            raise exceptions.ValidationError from error
        before = Q(published_at__lt=published_at) | Q(published_at=published_at, id__lt=post_id)
        posts = list(queryset.filter(before, published_at__lte=published_at).order_by("-published_at", "-id")[:21])
        self.next_cursor = cursor(posts[19].published_at, posts[19].pk) if len(posts) > 20 else None
        return posts[:20]

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page."""
        headers = {"Link": link(self.next_cursor)} if self.next_cursor else None
        return Response({"items": data, "next_cursor": self.next_cursor}, headers=headers)


class Posts(generics.ListCreateAPIView):
    """The list of posts."""

    queryset = Post.objects.select_related("author")
    serializer_class = PostSerializer
    pagination_class = Keyset
    authentication_classes = [Bearer]
    permission_classes = [permissions.IsAuthenticatedOrReadOnly]

    def perform_create(self, serializer: Any) -> None:
        """Publish a post."""
        serializer.save(author=self.request.user)

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Return the `Location` header."""
        return {"Location": data["url"]}


class PostById(generics.RetrieveAPIView):
    """One post; Django's middleware adds the ETag."""

    queryset = Post.objects.select_related("author")
    serializer_class = PostSerializer

    def get_queryset(self) -> Any:
        """Return the public posts."""
        return super().get_queryset().filter(published_at__lte=datetime.now(UTC))


urlpatterns = [path("posts", Posts.as_view()), path("posts/<int:pk>", PostById.as_view())]
app = get_wsgi_application()
