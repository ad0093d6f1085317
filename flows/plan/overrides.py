"""What a run may change of its plan: the plan's own fields, every one optional, so that the form of the UI draws them.

`{"method": {"training": {"steps": 5000}}}` changes that one knob and leaves what the scale says of the others. The
members of a union are told apart by `kind`; without it the part keeps its kind, and another kind replaces the part.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, Discriminator, Field, Tag, create_model

from models.core.config import Config

SUFFIX = "Changes"
KIND = "tells this choice from the others of its part; leave it as it is"


class Changes(Config):
    """Base of all partial configs."""

    def over(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """`plain` with what was set here; null means: not changed."""
        return merged(plain, self.model_dump(mode="json", exclude_none=True, exclude_unset=True))


def merged(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings key by key; everything else, and a part of another kind, is replaced."""
    result = dict(plain)
    for name, value in changes.items():
        before = result.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and _same_kind(before, value):
            result[name] = merged(before, value)
        else:
            result[name] = value
    return result


def _same_kind(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return before.get("kind") == value.get("kind", before.get("kind"))


@lru_cache
def partial(model: type[BaseModel], *without: str) -> type[Changes]:
    """The config with every field optional, at every depth."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in without:
            continue
        if name == "kind":
            fields[name] = (field.annotation, Field(default=field.default, description=KIND))
        else:
            knob = Field(default=None, description=field.description, json_schema_extra=_flat)
            fields[name] = (_partial(field.annotation, field.discriminator) | None, knob)
    name = f"{model.__name__.removesuffix('Config')}{SUFFIX}"
    made = create_model(name, __base__=Changes, __doc__=model.__doc__, **fields)
    made.__module__ = model.__module__
    return made


def _flat(schema: dict[str, Any]) -> None:
    """Lists the members of a union beside null: the form labels each of them, but not a union within a choice."""
    choices = [member for choice in schema.get("anyOf", ()) for member in choice.get("oneOf", (choice,))]
    if choices:
        schema["anyOf"] = choices


def _partial(annotation: Any, discriminator: Any) -> Any:  # noqa: ANN401 - types are values of every kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation.model_fields:
        return annotation if "root" in annotation.model_fields else partial(annotation)
    if get_origin(annotation) in (Union, UnionType):
        members = tuple(_partial(member, None) for member in get_args(annotation) if member is not type(None))
        return _tagged(members) if discriminator else Union[members]  # noqa: UP007 - built at run time
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        discriminators = (getattr(note, "discriminator", None) for note in notes)
        return _partial(inner, next(filter(None, discriminators), None))
    return annotation


def _tagged(members: tuple[type[Changes], ...]) -> Any:  # noqa: ANN401 - types are values of every kind
    """A union of partial configs by `kind`; without one, the first member that knows all keys is checked against.

    What is left out stays left out, so that the merged part keeps the kind that it had.
    """
    kinds = {member.model_fields["kind"].default: member for member in members}

    def kind_of(value: Any) -> str | None:  # noqa: ANN401 - whatever the caller gave
        if not isinstance(value, Mapping):
            return getattr(value, "kind", None)
        given = cast(Mapping[str, Any], value)
        knowing = (kind for kind, member in kinds.items() if given.keys() <= member.model_fields.keys())
        return given.get("kind") or next(knowing, next(iter(kinds)))

    tagged = tuple(Annotated[member, Tag(kind)] for kind, member in kinds.items())
    return Annotated[Union[tagged], Discriminator(kind_of)]  # noqa: UP007 - built at run time
