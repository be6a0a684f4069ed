"""The registry: what each endpoint of the usage API answers with, and each list beside it.

Adding an endpoint is adding one entry here, and a fixture. Counters and dimensions stand in the
order in which the API sends them, because that is the order in which they decode fastest; the
identity's own order is :data:`IDENTITY_ORDER`. Source: the API's schema and the official client.
"""

from __future__ import annotations

from typing import Any, Final

from stream.providers.endpoint import Endpoint, ObjectList, PageLimit

__all__ = ["ENDPOINTS", "LISTS", "PROVIDER"]

PROVIDER: Final = "openai"
"""What the provider is called, in files for others and in price lists."""

USUAL: Final = ("project_id", "user_id", "api_key_id", "model")
USUAL_FILTERS: Final = ("project_ids", "user_ids", "api_key_ids", "models")
KEYED_COSTS_SINCE: Final = 1_764_979_200
"""Costs are known by API key from 2025-12-06 on; of an earlier start that grouping is refused."""

TOKENS: Final = (
    "input_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    "input_uncached_tokens",
    "output_tokens",
    "input_text_tokens",
    "output_text_tokens",
    "input_cached_text_tokens",
    "input_audio_tokens",
    "input_cached_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "input_cached_image_tokens",
    "output_image_tokens",
    "num_model_requests",
)


def usage_endpoint(
    name: str,
    counts: tuple[str, ...],
    grouped_by: tuple[str, ...],
    result: str = "",
    filters: tuple[str, ...] = USUAL_FILTERS,
    **more: Any,
) -> Endpoint:
    """Make the entry of a usage endpoint; its first count is the main one."""
    return Endpoint(
        name=name,
        path=f"/organization/usage/{name}",
        result=f"organization.usage.{result or name}.result",
        counts=counts,
        grouped_by=grouped_by,
        main=counts[0],
        filters=filters,
        **more,
    )


ENDPOINTS: Final = {
    endpoint.key: endpoint
    for endpoint in (
        usage_endpoint(
            "completions",
            TOKENS,
            (*USUAL, "batch", "service_tier", "api_source"),
            money=("cost",),
            filters=(*USUAL_FILTERS, "batch"),
        ),
        usage_endpoint(
            "decisions",
            TOKENS,
            (*USUAL, "batch", "service_tier", "api_source"),
            money=("cost",),
            filters=(*USUAL_FILTERS, "batch"),
        ),
        usage_endpoint("embeddings", ("input_tokens", "num_model_requests"), USUAL),
        usage_endpoint("moderations", ("input_tokens", "num_model_requests"), USUAL),
        usage_endpoint(
            "images",
            ("images", "num_model_requests"),
            ("size", "source", *USUAL),
            breakdowns=(("bySize", "size"), ("bySource", "source")),
            filters=(*USUAL_FILTERS, "sizes", "sources"),
        ),
        usage_endpoint("audio_speeches", ("characters", "num_model_requests"), USUAL),
        usage_endpoint("audio_transcriptions", ("seconds", "num_model_requests"), USUAL),
        usage_endpoint(
            "vector_stores",
            ("usage_bytes",),
            ("project_id",),
            levels=("usage_bytes",),
            filters=("project_ids",),
        ),
        usage_endpoint(
            "code_interpreter_sessions",
            ("num_sessions",),
            ("project_id",),
            aliases=("code_interpreter",),
            filters=("project_ids",),
        ),
        usage_endpoint(
            "web_search_calls",
            ("num_requests", "num_model_requests"),
            (*USUAL, "context_level", "api_source"),
            result="web_searches",
            breakdowns=(("byContextLevel", "context_level"),),
            filters=(*USUAL_FILTERS, "context_levels"),
        ),
        usage_endpoint(
            "file_search_calls",
            ("num_requests",),
            ("project_id", "user_id", "api_key_id", "vector_store_id"),
            result="file_searches",
            breakdowns=(("byVectorStore", "vector_store_id"),),
            filters=("project_ids", "user_ids", "api_key_ids", "vector_store_ids"),
        ),
        Endpoint(
            name="costs",
            path="/organization/costs",
            result="organization.costs.result",
            counts=(),
            money=("amount_value", "quantity"),
            grouped_by=(
                "line_item",
                "project_id",
                "user_id",
                "api_key_id",
                "quantity_unit",
                "api_source",
                "currency",
            ),
            main="amount_value",
            breakdowns=(("byLineItem", "line_item"), ("byCurrency", "currency")),
            filters=("project_ids", "api_key_ids", "line_items"),
            limits=(PageLimit("1d", 7, 180),),
            group_floors=(("api_key_id", KEYED_COSTS_SINCE),),
            risky_groups=("user_id", "api_source"),
        ),
    )
}
"""Every endpoint, by the name that the report gives it."""

LISTS: Final = {
    entry.name: entry
    for entry in (
        ObjectList(
            name="projects",
            defines="projects",
            stems=("projects_list", "projects"),
            element="organization.project",
            path="/organization/projects",
            parameters=(("include_archived", "true"),),
        ),
        ObjectList(
            name="project_members",
            defines=None,
            stems=("project_members", "projects_users"),
            element="organization.project.user",
            path="/organization/projects/*/users",
        ),
        ObjectList(
            name="service_accounts",
            defines="service_accounts",
            stems=("service_accounts", "projects_service_accounts"),
            element="organization.project.service_account",
            path="/organization/projects/*/service_accounts",
        ),
        ObjectList(
            name="service_account_keys",
            defines="service_account_keys",
            stems=("service_account_keys",),
        ),
        ObjectList(
            name="certificates",
            defines="certificates",
            stems=("certificates",),
            element="organization.certificate",
            path="/organization/certificates",
        ),
        ObjectList(name="certificate_events", defines=None, stems=("certificate_events",)),
        ObjectList(
            name="api_keys",
            defines="api_keys",
            stems=("projects_api_keys",),
            element="organization.project.api_key",
            path="/organization/projects/*/api_keys",
            parameters=(("owner_project_access", "any"),),
        ),
        ObjectList(
            name="users",
            defines="users",
            stems=("users",),
            element="organization.user",
            path="/organization/users",
        ),
    )
}
