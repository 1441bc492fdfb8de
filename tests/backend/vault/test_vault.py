"""Credentials at rest."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from backend.vault.keys import BadVaultKey, KeyFile, configured_keys, new_key
from backend.vault.vault import SealBroken, Vault

RANDOM = "jTLk3glbeeu_qXNIb4THUIRjRIcoc_1gkB69F8_yxKY="
SECRET = {"refresh_token": "canary-refresh"}


def vault_of(*keys: str) -> Vault:
    return Vault(configured_keys(SecretStr(",".join(keys))))


def test_what_is_sealed_opens_for_its_own_row_only() -> None:
    vault = vault_of(new_key())
    sealed = vault.seal("row-1", SECRET)
    assert vault.open("row-1", sealed) == SECRET
    assert "canary" not in sealed
    with pytest.raises(SealBroken, match="another row"):
        vault.open("row-2", sealed)


def test_an_older_key_still_opens_and_resealing_moves_to_the_first() -> None:
    old, new = new_key(), new_key()
    sealed = vault_of(old).seal("row-1", SECRET)
    both = vault_of(new, old)
    assert both.open("row-1", sealed) == SECRET
    assert not both.is_current(sealed)
    resealed = both.reseal(sealed)
    assert both.is_current(resealed)
    assert vault_of(new).open("row-1", resealed) == SECRET
    with pytest.raises(SealBroken, match="BACKEND_VAULT_KEYS"):
        vault_of(new).open("row-1", sealed)
    with pytest.raises(SealBroken, match="BACKEND_VAULT_KEYS"):
        vault_of(new).reseal(sealed)


def test_a_copy_makes_its_key_once_and_sees_at_once_when_another_process_changes_it(tmp_path: Path) -> None:
    file, other = KeyFile(tmp_path), KeyFile(tmp_path)
    first = list(file())
    assert list(other()) == first
    assert stat.S_IMODE((tmp_path / "vault-keys.txt").stat().st_mode) == 0o600
    changed = [new_key().encode(), *first]
    other.replace(changed)
    assert list(file()) == changed
    assert stat.S_IMODE((tmp_path / "vault-keys.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("configured", "complaint"),
    [
        ("", "there is no key"),
        ("nonsense", "key 1 is not the base64url"),
        (f"{RANDOM},{'A' * 43}=", "key 2 is not random"),
        ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "key 1 is not random"),
    ],
)
def test_a_key_that_is_none_or_can_be_guessed_is_refused_without_showing_it(configured: str, complaint: str) -> None:
    with pytest.raises(BadVaultKey, match=complaint) as refused:
        configured_keys(SecretStr(configured))
    assert not configured or configured not in str(refused.value)
