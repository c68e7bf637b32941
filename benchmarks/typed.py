"""Typed models of an answer, as anybody would write them: the honest comparison."""

from functools import cache
from typing import Any

from msgspec import Struct, field


class Type(Struct, gc=False):
    category: str
    type_id: int = field(name="typeId")
    label: str | None = None


class To(Struct, gc=False):
    to_object_id: str | int = field(name="toObjectId")
    association_types: list[Type] = field(name="associationTypes")


class From(Struct, gc=False):
    id: str


class Next(Struct, gc=False):
    after: str


class Paging(Struct, gc=False):
    next: Next | None = None


class Result(Struct, gc=False):
    from_: From = field(name="from")
    to: list[To]
    paging: Paging | None = None


class Error(Struct, gc=False):
    category: str
    message: str
    sub_category: str | None = field(name="subCategory", default=None)
    context: dict[str, list[str]] = {}


class Page(Struct, gc=False):
    status: str
    results: list[Result]
    errors: list[Error] = []


@cache
def pydantic_page() -> Any:
    """Make the same models in pydantic, which only those who measure it import."""
    from pydantic import BaseModel, ConfigDict, Field
    from pydantic.alias_generators import to_camel

    class Camel(BaseModel):
        model_config = ConfigDict(alias_generator=to_camel)

    class Type(Camel):
        category: str
        type_id: int
        label: str | None = None

    class To(Camel):
        to_object_id: str | int
        association_types: list[Type]

    class From(Camel):
        id: str

    class Next(Camel):
        after: str

    class Paging(Camel):
        next: Next | None = None

    class Result(Camel):
        from_: From = Field(alias="from")
        to: list[To]
        paging: Paging | None = None

    class Error(Camel):
        category: str
        message: str
        sub_category: str | None = None
        context: dict[str, list[str]] = Field(default_factory=dict)

    class Page(Camel):
        status: str
        results: list[Result]
        errors: list[Error] = Field(default_factory=list)

    return Page
