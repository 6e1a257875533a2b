"""Each resource has exactly one URL."""

import pytest

from tests.support.clients import Client
from tests.support.problems import assert_problem


@pytest.mark.parametrize(
    "path",
    [
        *(
            f"/posts/{number}"
            for number in (
                "0",
                "-1",
                "+1",
                "01",
                "1.0",
                "1_0",
                "1e0",
                "\N{ARABIC-INDIC DIGIT ONE}",
                "%20" + "1",
                "1%00",
            )
        ),
        *(f"/posts/{number}" for number in ("9007199254740992", "9223372036854775808", "9" * 5_000)),
        *(f"/users/{name}" for name in ("a", "Ada", "-ada", "ad%C3%A0", "ada%0A", "ada%00", "ada%2F", "%FF", "x" * 40)),
        *("/users/", "/posts/", "/posts//1", "/posts/1/", "/USERS", "/users/ada/posts", "/tokens/x"),
    ],
)
def test_variants_of_a_url_are_not_found(ada: Client, path: str) -> None:
    ada.post("/posts", {"title": "t", "body": "b"})
    assert_problem(ada.get(path), 404)


def test_canonical_urls_are_found(ada: Client) -> None:
    ada.post("/posts", {"title": "t", "body": "b"})
    assert ada.get("/posts/1").status_code == ada.get("/users/ada").status_code == 200


def test_the_largest_id_is_looked_up(anyone: Client) -> None:
    assert_problem(anyone.get("/posts/9007199254740991"), 404, detail="There is no post 9007199254740991.")
