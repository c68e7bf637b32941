"""Plain msgspec structs for an answer, as anybody would write them: the honest comparison."""

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
