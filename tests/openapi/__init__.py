"""HubSpot's own OpenAPI files as a judge of both peers. Needs ``pytest --openapi=DIR``."""
