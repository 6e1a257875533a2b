"""A client of gunicorn that sends its body slowly, and loses its token before the end."""

import json
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.support.http import send_request
from tests.support.servers import Server, sign_up

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/posts"), ("PATCH", "/users/ada"), ("PUT", "/me/password")])
def test_a_token_that_is_revoked_while_the_body_arrives_changes_nothing(
    request: pytest.FixtureRequest, serve: Callable[..., Server], database: str, method: str, path: str
) -> None:
    environment = {}
    if database == "postgresql":
        environment["PRESSROOM_DATABASE_URL"] = request.getfixturevalue("postgresql_url")
    server = serve(**environment)
    headers = sign_up(server)
    body = json.dumps(
        {
            "POST": {"title": "t", "body": "b"},
            "PATCH": {"bio": "changed"},
            "PUT": {"current_password": "correct horse battery staple", "new_password": "another one"},
        }[method]
    ).encode()
    before = [server.get_json(path) for path in ("/posts", "/users/ada")]
    with closing(server.connect()) as slow:
        slow.putrequest(method, path)
        for name, value in {**headers, "If-Match": "*", "Content-Type": "application/json"}.items():
            slow.putheader(name, value)
        slow.putheader("Content-Length", str(len(body)))
        slow.endheaders(body[:5])
        assert send_request(server.connect(), "DELETE", "/tokens/1", headers=headers).status == 204
        slow.send(body[5:])
        response = slow.getresponse()
        assert response.status == 401, response.read()
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom", error="invalid_token"'
    assert [server.get_json(path) for path in ("/posts", "/users/ada")] == before
