"""Asyncio client for HubSpot's CRM Associations batch APIs."""
