"""API tokens in the store."""

from __future__ import annotations

import os
import re
import stat

import pytest

from daemon import tokens
from daemon.web.operations import OperationError
from tests.daemon.memory_operations import NOW, PEOPLE, token_table


@pytest.fixture
def tx():
    return token_table()


def make(tx, name="bot", role="responder", person=None):
    return tokens.create(tx, name=name, role=role, person=person, people=PEOPLE, now=NOW)


def test_a_token_is_random_and_only_its_hash_is_kept(tx):
    """A token is rcu_ and 32 random bytes; the store holds its SHA-256 and nothing of itself."""
    first, second = make(tx, "a"), make(tx, "b")
    assert re.fullmatch(r"rcu_[A-Za-z0-9_-]{43}", first.token)
    assert first.token != second.token
    stored = "".join(str(tuple(row)) for row in tx.execute("SELECT * FROM tokens"))
    assert first.token not in stored
    assert first.token[4:20] not in stored
    assert tokens.digest(first.token) in stored


def test_a_token_is_found_by_itself_alone(tx):
    """Only the whole token finds its identity."""
    made = make(tx)
    found = tokens.find(tx, made.token, PEOPLE)
    assert found is not None
    assert (found.name, found.role, found.actor) == ("bot", "responder", "bot")
    for wrong in ("", made.token[:-1], made.token + "A", made.token.swapcase(), tokens.digest(made.token)):
        assert tokens.find(tx, wrong, PEOPLE) is None


def test_a_revoked_token_opens_nothing_and_keeps_its_name(tx):
    """Revoking takes effect at once, twice is once, and the name is not given away again."""
    made = make(tx)
    assert tokens.revoke(tx, "bot", now=NOW + 1).revoked_at == NOW + 1
    assert tokens.revoke(tx, "bot", now=NOW + 2).revoked_at == NOW + 1
    assert tokens.find(tx, made.token, PEOPLE) is None
    with pytest.raises(OperationError, match="choose another name") as err:
        make(tx)
    assert err.value.kind == "conflict"


def test_the_last_admin_token_stays(tx):
    """The last admin token that belongs to no person cannot be revoked: nobody could make another."""
    make(tx, "first", "admin")
    make(tx, "ana", "admin", person="ana")
    with pytest.raises(OperationError, match="last admin"):
        tokens.revoke(tx, "first", now=NOW)
    tokens.revoke(tx, "ana", now=NOW)
    make(tx, "second", "admin")
    assert tokens.revoke(tx, "first", now=NOW).revoked_at == NOW


@pytest.mark.parametrize(("role", "effective"), [("admin", "approver"), ("viewer", "viewer")])
def test_a_bound_token_has_at_most_its_person_s_role(tx, role, effective):
    """The lower of the token's role and its person's highest holds."""
    made = make(tx, "ana", role, person="ana")
    found = tokens.find(tx, made.token, PEOPLE)
    assert found is not None
    assert (found.role, found.actor) == (effective, "ana")
    assert tokens.find(tx, made.token, {}) is None
    assert tokens.find(tx, made.token, {"ana": ()}) is None


def test_names_belong_to_their_owners(tx):
    """A token cannot be called like the daemon, like a person it is not bound to, or be bound to nobody known."""
    for facts in ({"name": "recuo"}, {"name": "ana"}, {"name": "ana", "person": "rui"}, {"person": "eve"}):
        with pytest.raises(OperationError) as err:
            make(tx, **facts)
        assert err.value.kind == "invalid"


def test_revoking_nobody_s_token_is_not_found(tx):
    """An unknown name is said to be unknown."""
    with pytest.raises(OperationError, match="no token named 'eve'") as err:
        tokens.revoke(tx, "eve", now=NOW)
    assert err.value.kind == "not-found"


def test_use_is_noted_while_it_lives(tx):
    """last_used_at is what was noted last, and stays after revoking."""
    made = make(tx)
    tokens.used(tx, made.id, now=NOW + 5)
    tokens.revoke(tx, "bot", now=NOW + 6)
    tokens.used(tx, made.id, now=NOW + 7)
    assert [t.last_used_at for t in tokens.listing(tx)] == [NOW + 5]


def test_the_first_token_is_made_once_for_its_owner_alone(tx, tmp_path):
    """The first start writes an admin token that only its owner reads; the second start leaves it as it is."""
    old = os.umask(0)
    try:
        path = tokens.ensure_first(tx, tmp_path, now=NOW)
    finally:
        os.umask(old)
    assert path is not None
    assert path == tmp_path / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = tokens.find(tx, path.read_text().strip(), {})
    assert found is not None
    assert (found.name, found.role) == ("owner", "admin")
    before = path.read_text()
    assert tokens.ensure_first(tx, tmp_path, now=NOW) is None
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["token"]


def test_after_a_crash_before_the_commit_it_is_made_anew(tx, tmp_path):
    """A file whose token never reached the store is replaced."""
    (tmp_path / "token").write_text("rcu_" + "x" * 43)
    path = tokens.ensure_first(tx, tmp_path, now=NOW)
    assert path is not None
    assert tokens.find(tx, path.read_text().strip(), {}) is not None


def test_a_file_moved_away_is_not_made_again(tx, tmp_path):
    """Who keeps the first token elsewhere is not given another one."""
    tokens.ensure_first(tx, tmp_path, now=NOW)
    (tmp_path / "token").unlink()
    assert tokens.ensure_first(tx, tmp_path, now=NOW) is None


def test_an_empty_file_asks_for_a_new_one(tx, tmp_path):
    """Who lost the token empties the file: the next start writes another under another name."""
    tokens.ensure_first(tx, tmp_path, now=NOW)
    (tmp_path / "token").write_text("")
    path = tokens.ensure_first(tx, tmp_path, now=NOW)
    assert path is not None
    assert tokens.find(tx, path.read_text().strip(), {}) is not None
    assert [t.name for t in tokens.listing(tx)] == ["owner", "owner-2"]


def test_a_link_in_its_place_is_not_followed(tx, tmp_path):
    """A symbolic link in the place of the file is replaced, not written through."""
    target = tmp_path / "elsewhere"
    target.write_text("precious")
    (tmp_path / "token").symlink_to(target)
    tokens.ensure_first(tx, tmp_path, now=NOW)
    assert target.read_text() == "precious"
    assert not (tmp_path / "token").is_symlink()


def test_nothing_is_made_where_it_cannot_be_written(tx, tmp_path):
    """When the file cannot be written the error comes out, for the caller to roll back."""
    with pytest.raises(OSError, match="No such file"):
        tokens.ensure_first(tx, tmp_path / "gone", now=NOW)
