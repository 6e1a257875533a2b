"""F: Django REST framework, as its tutorial has it: model serializers and generic views."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from common import END, TAG, cursor, link, position

from django_models import Post, PostTag, Token, User  # isort: skip (they configure Django)
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
    """A moment of publication; a draft's is the end of time."""

    def to_representation(self, value: datetime) -> Any:
        """The moment, None for a draft."""
        return None if value == END else super().to_representation(value)


class PostSerializer(serializers.ModelSerializer):
    """A post."""

    body = serializers.CharField(max_length=262_144, trim_whitespace=False)
    tags = serializers.ListField(child=serializers.RegexField(TAG), max_length=10, default=list)
    author = AuthorSerializer(read_only=True)
    published_at = PublishedAt(allow_null=True, default=lambda: datetime.now(UTC))

    class Meta:
        model = Post
        fields = ("id", "title", "body", "tags", "author", "published_at", "created_at", "updated_at", "url")
        read_only_fields = ("created_at", "updated_at")

    def validate_tags(self, tags: list[str]) -> list[str]:
        """Refuse tags that are named twice."""
        if len(set(tags)) < len(tags):
            raise serializers.ValidationError("Name each tag once.")
        return tags

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse members that nobody knows."""
        if self.initial_data.keys() - self.fields.keys():
            raise serializers.ValidationError("Unknown member.")
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Post:
        """Keep a new post and its place in the index."""
        moment = datetime.now(UTC)
        content = {**validated_data, "published_at": validated_data["published_at"] or END}
        with transaction.atomic():
            post = Post.objects.create(**content, created_at=moment, updated_at=moment)
            index = [PostTag(post=post, tag=each, published_at=post.published_at) for each in post.tags]
            PostTag.objects.bulk_create(index)
        return post


class Bearer(authentication.BaseAuthentication):
    """Bearer tokens, kept by their hash."""

    def authenticate(self, request: Any) -> tuple[User, Token] | None:
        """The user of the token, None without one."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest, live = hashlib.sha256(token.encode()).digest(), Token.objects.select_related("user")
        try:
            found = live.get(sha256=digest, expires_at__gt=datetime.now(UTC))
        except Token.DoesNotExist as error:
            raise exceptions.AuthenticationFailed from error
        return found.user, found

    def authenticate_header(self, request: Any) -> str:
        """The challenge to strangers."""
        return "Bearer"


class Keyset(pagination.BasePagination):
    """Pages in the order of publication."""

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Post]:
        """The twenty posts behind the cursor."""
        try:
            moment, identity = position(request.query_params.get("cursor"))
        except ValueError as error:
            raise exceptions.ValidationError from error
        before = Q(published_at__lt=moment) | Q(published_at=moment, id__lt=identity)
        found = list(queryset.filter(before, published_at__lte=moment).order_by("-published_at", "-id")[:21])
        self.following = cursor(found[19].published_at, found[19].pk) if len(found) > 20 else None
        return found[:20]

    def get_paginated_response(self, data: Any) -> Response:
        """The page."""
        headers = {"Link": link(self.following)} if self.following else None
        return Response({"items": data, "next_cursor": self.following}, headers=headers)


class Posts(generics.ListCreateAPIView):
    """All posts."""

    queryset = Post.objects.select_related("author")
    serializer_class = PostSerializer
    pagination_class = Keyset
    authentication_classes = [Bearer]
    permission_classes = [permissions.IsAuthenticatedOrReadOnly]

    def perform_create(self, serializer: Any) -> None:
        """Publish a post."""
        serializer.save(author=self.request.user)

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """Where the post is."""
        return {"Location": data["url"]}


class PostById(generics.RetrieveAPIView):
    """One post, whose tag is made by Django's middleware."""

    queryset = Post.objects.select_related("author")
    serializer_class = PostSerializer

    def get_queryset(self) -> Any:
        """What is public."""
        return super().get_queryset().filter(published_at__lte=datetime.now(UTC))


urlpatterns = [path("posts", Posts.as_view()), path("posts/<int:pk>", PostById.as_view())]
app = get_wsgi_application()
