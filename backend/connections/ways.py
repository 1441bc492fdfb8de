"""Proving what owners paste: hooks, keys, client credentials. Nothing is saved before the vendor accepted it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from jsonschema import Draft202012Validator, SchemaError

from backend.connections.oauth import prove
from backend.connections.repository import Proved
from backend.connections.schemas import NewClient, NewHook, NewKey, Way
from backend.connections.vendors import Vendor, VendorHttp
from backend.errors import ApiError
from voxie_agents.mcp_offers import OutputCheck

TEST_PAYLOAD = {"voxie_test": True}
SCHEMA_LIMIT = 16_000


async def proved_hook(new: NewHook, vendor: Vendor, http: VendorHttp) -> Proved:
    """A hook that took a test delivery.

    Raises:
        ApiError: it is somewhere else, its schema is none, or the vendor refuses the delivery.
        VendorDown: the vendor does not answer.
    """
    url = new.url.get_secret_value()
    if not vendor.owns(url, vendor.hooks.origin):
        message = f"a hook of {vendor.manifest.title} begins with {vendor.at(vendor.hooks.origin)}/"
        raise ApiError(422, "invalid_request", message, field="url")
    payload = {**TEST_PAYLOAD, **(new.test_payload or {})}
    _check_schema(new)
    answer = await http.post(url, payload)
    if answer.status != 200:
        message = f"the hook answered {answer.status} to a test delivery: copy its URL again"
        raise ApiError(422, "credential_refused", message, field="url")
    details = {
        "title": new.title,
        "payload_schema": new.payload_schema,
        "key_fields": list(new.key_fields),
        "retry_safe": new.retry_safe,
        "contact_on_file": new.contact_on_file,
    }
    return Proved(new.server, Way.HOOKS, {"url": url}, name=new.name, details=details)


def _check_schema(new: NewHook) -> None:
    schema = new.payload_schema
    if schema is None:
        return
    if len(str(schema)) > SCHEMA_LIMIT or schema.get("type", "object") != "object" or _has_reference(schema):
        message = "must be a JSON Schema of an object, without $ref to other documents, below 16,000 characters"
        raise ApiError(422, "invalid_request", message, field="payload_schema")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ApiError(
            422, "invalid_request", f"not a JSON Schema: {error.validator}", field="payload_schema"
        ) from None
    properties: Mapping[str, Any] = schema.get("properties", {})
    unknown = [name for name in new.key_fields if name not in properties]
    if new.contact_on_file is not None and new.contact_on_file not in properties:
        message = f"{new.contact_on_file} is not among the schema's properties: {', '.join(properties)}"
        raise ApiError(422, "invalid_request", message, field="contact_on_file")
    if unknown:
        message = f"{unknown[0]} is not among the schema's properties: {', '.join(properties)}"
        raise ApiError(422, "invalid_request", message, field="key_fields")
    # Nothing is fetched for a reference of any kind.
    if new.test_payload is not None and not OutputCheck(schema).fits(new.test_payload):
        raise ApiError(422, "invalid_request", "does not fit payload_schema", field="test_payload")


def _has_reference(schema: object) -> bool:
    """Whether it would make a validator fetch something."""
    match schema:
        case dict():
            references = [schema.get(keyword) for keyword in ("$ref", "$dynamicRef")]
            outside = any(isinstance(each, str) and not each.startswith("#") for each in references)
            return outside or any(_has_reference(value) for value in schema.values())
        case list():
            return any(_has_reference(value) for value in schema)
        case _:
            return False


async def proved_key(new: NewKey, vendor: Vendor, http: VendorHttp) -> Proved:
    """A key that the vendor accepted.

    Raises:
        ApiError: the vendor refuses it.
        VendorDown: the vendor does not answer.
    """
    key = new.api_key.get_secret_value()
    account = await prove(vendor, vendor.keys.proof, key, http)
    return Proved(new.server, Way.API_KEY, {"access_token": key}, account=account)


async def proved_client(new: NewClient, vendor: Vendor, http: VendorHttp, now: Callable[[], datetime]) -> Proved:
    """A client that the vendor gave a token.

    Raises:
        ApiError: the vendor refuses it.
        VendorDown: the vendor does not answer.
    """
    secret = {"client_id": new.client_id, "client_secret": new.client_secret.get_secret_value()}
    answer = await http.form(vendor.at(vendor.client_credentials.token_url), client_form(vendor, secret))
    if answer.status != 200 or not answer.body.get("access_token"):
        message = f"{vendor.manifest.title} refused the client ({answer.status}): check id and secret"
        raise ApiError(422, "credential_refused", message, field="client_secret")
    return Proved(
        new.server,
        Way.CLIENT_CREDENTIALS,
        {**secret, "access_token": str(answer.body["access_token"])},
        account=new.client_id,
        access_expires_at=now() + timedelta(seconds=float(answer.body.get("expires_in", 0))),
    )


def client_form(vendor: Vendor, secret: Mapping[str, Any]) -> dict[str, str]:
    """What is sent for an access token with client credentials."""
    return {
        **vendor.client_credentials.parameters,
        "grant_type": "client_credentials",
        "client_id": str(secret["client_id"]),
        "client_secret": str(secret["client_secret"]),
    }
