"""Slows down whoever guesses passwords."""

from datetime import timedelta

import sqlalchemy as sa

from backend.access.secrets import hash_token, new_id
from backend.access.tables import LoginFailureRow
from backend.errors import ApiError
from backend.service import Service

WINDOW = timedelta(minutes=15)
PER_PERSON, PER_ADDRESS = 5, 30


class LoginLimit(Service):
    """Failed logins by person and by address, counted in the database: several replicas count together."""

    async def check(self, email: str, address: str) -> None:
        """Let another try pass.

        Raises:
            ApiError: 429.
        """
        since = self._now() - WINDOW
        async with self._database.unscoped("nobody is signed in yet") as session:
            for subject, most in _subjects(email, address):
                query = sa.select(sa.func.count(), sa.func.min(LoginFailureRow.at)).where(
                    LoginFailureRow.subject_hash == subject, LoginFailureRow.at > since
                )
                count, first = (await session.execute(query)).one()
                if count >= most:
                    wait = int((first + WINDOW - self._now()).total_seconds()) + 1
                    raise ApiError(
                        429, "too_many_logins", f"too many failed logins; try again in {wait} s", retry_after=wait
                    )

    async def failed(self, email: str, address: str) -> None:
        """Note a failure, and forget those that count no more."""
        async with self._database.unscoped("nobody is signed in yet") as session:
            await session.execute(sa.delete(LoginFailureRow).where(LoginFailureRow.at <= self._now() - WINDOW))
            for subject, _ in _subjects(email, address):
                session.add(LoginFailureRow(id=new_id("fail"), subject_hash=subject, at=self._now()))

    async def succeeded(self, email: str) -> None:
        """Forget a person's failures."""
        async with self._database.unscoped("nobody is signed in yet") as session:
            await session.execute(
                sa.delete(LoginFailureRow).where(LoginFailureRow.subject_hash == hash_token(f"email:{email}"))
            )


def _subjects(email: str, address: str) -> tuple[tuple[str, int], ...]:
    return (hash_token(f"email:{email}"), PER_PERSON), (hash_token(f"address:{address}"), PER_ADDRESS)
