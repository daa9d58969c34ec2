"""The key that seals the secrets of checks in tests."""

from pydantic import SecretStr

SERVICE_KEY = SecretStr("the key of the service in tests, of forty letters and more")
