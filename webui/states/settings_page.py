"""The settings of one channel or supplier: what both pages hold, and what is done to either in the same way.

A state is made of it by ``class ChannelSettings(SettingsPage, Book)``: Reflex takes what has mixins alone as bases for one too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import reflex as rx

from engine.errors import NotFound, Overtaken
from engine.services import removing, settings_book, setup
from engine.services.connections import Table
from webui.states import connection, forms
from webui.states.base import Book, on
from webui.states.connection import FieldView, PartLink


class SettingsPage(Book, mixin=True):
    """One of the ``_table``, a section at a time.

    ``versions`` counts each form's saves: it is a new one then, with what was saved; the others stay as typed. ``values`` is
    what the forms were given, which says what a person changed in them; ``_since`` is when that was.
    """

    part: str = ""
    parts: list[PartLink] = []
    missing: str = ""
    problems: dict[str, str] = {}
    ready: bool = False
    versions: dict[str, int] = {}
    values: dict[str, str] = {}
    fields: list[FieldView] = []
    more_fields: list[FieldView] = []
    tested: str = ""
    tested_tone: str = ""
    testing: bool = False
    connector_name: str = ""
    docs: str = ""
    removal: str = ""
    """What removing it means, once that is asked."""
    _since: dict[str, int] = {}

    _table: ClassVar[Table]
    _forms: ClassVar[Mapping[str, tuple[str, ...]]]
    """The forms, and their fields among ``values``."""
    _labels: ClassVar[Mapping[str, str]]
    """What the options are called where something is said of them."""
    _sections: ClassVar[Mapping[str, str]]
    """The sections and their titles; the first is there where the address names none."""

    # --- what each page says itself -----------------------------------------------------------------------------------

    async def _view(self) -> Any:
        """The one that the address names, as it stands; raises NotFound."""
        raise NotImplementedError

    def _href(self, view: Any, part: str) -> str:
        """The page's section."""
        raise NotImplementedError

    def _values(self, view: Any) -> dict[str, str]:
        """What is set, as the forms show it."""
        raise NotImplementedError

    def _stand(self, view: Any) -> None:
        """How it stands is shown."""
        raise NotImplementedError

    async def _show_own(self, view: Any, shown: Collection[str]) -> None:
        """What this page shows besides is read; ``shown``: the forms that are to show what is set."""
        raise NotImplementedError

    # --- showing ------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """The page shows what its address names, and the section."""
        self.part = self.asked("section", self._sections)
        self.tested = ""
        self.problems, self.removal = dict.fromkeys(self._forms, ""), ""
        since = await settings_book.head()
        try:
            view = await self._view()
        except NotFound as error:
            self.missing, self.ready = error.message, True
            return
        self.missing = ""
        self.parts = [PartLink(name, title, self._href(view, name)) for name, title in self._sections.items()]
        await self._show(view, since, tuple(self._forms))
        self.ready = True

    async def _show(self, view: Any, since: int, shown: Collection[str]) -> None:
        """How it stands is shown, and in these forms what is set, as of the change of settings ``since``."""
        kind = connection.kind_of(self._table, view.connector)
        self.connector_name, self.docs = kind.name, kind.docs_url
        self._stand(view)
        fresh = self._values(view)
        self.values = {**fresh, **self.values, **{name: fresh[name] for form in shown for name in self._forms[form]}}
        if "credentials" in shown:
            fields = connection.field_views(kind, connection.shown(view, kind), view.settings)
            self.fields, self.more_fields = connection.parted(fields)
        await self._show_own(view, shown)
        self._since = {**self._since, **dict.fromkeys(shown, since)}
        self.versions = {form: self.versions.get(form, 0) + (form in shown) for form in self._forms}

    # --- saving -------------------------------------------------------------------------------------------------------

    async def _change(self, form: str, changed: dict[str, Any], rests: Collection[str] = ()) -> Any:
        """What was changed in the form is saved; what it is about, as it was before. Raises Overtaken where others were first."""
        view = await self._view()
        if changed:
            await setup.update(self._table, view.id, self.by, since=self._since[form], rests=rests, **changed)
        return view

    async def _saved(self, form: str, sentence: str) -> None:
        since = await settings_book.head()
        self.problems = {**self.problems, form: ""}
        self.say(sentence, "good")
        await self._show(await self._view(), since, (form,))

    def take_over(self, form: str, error: Overtaken) -> None:
        """What others set meanwhile has been seen."""
        self._since = {**self._since, form: max(change.seq for change in error.changes)}

    @on()
    async def save_credentials(self, form: dict[str, Any]) -> None:
        """What was changed is saved; a secret only where something was typed."""
        with forms.told(self, "credentials", self._labels):
            loaded = [*self.fields, *self.more_fields]
            view, since = await self._view(), self._since["credentials"]
            said = await connection.save_credentials(self._table, view, loaded, form, self.by, since)
            self.tested = ""
            await self._saved("credentials", said)

    @on(background=True)
    async def test(self) -> None:
        """It was asked whether the connection works."""
        async with self:
            self.testing, self.tested = True, ""
            view = await self._view()
        try:
            said, tone = await connection.test(self._table, view)
        finally:
            async with self:
                self.testing = False
        async with self:
            self.tested, self.tested_tone = said, tone

    @on()
    async def rename(self, form: dict[str, Any]) -> None:
        """It is called otherwise."""
        with forms.told(self, "name", self._labels):
            said = await connection.rename(self._table, await self._view(), form, self.by, self._since["name"])
            await self._saved("name", said)

    async def _stands(self, sentence: str) -> None:
        self.say(sentence, "good")
        self._stand(await self._view())

    @on()
    async def enable(self, yes: bool) -> None:
        """It is in use, or no longer."""
        await self._stands(await connection.enable(self._table, await self._view(), yes, self.by))

    @on()
    async def pause(self, form: dict[str, Any]) -> None:
        """It is not used until somebody resumes it."""
        await self._stands(await connection.pause(self._table, await self._view(), form, self.by))

    @on()
    async def resume(self) -> None:
        """It is used again."""
        await self._stands(await connection.resume(self._table, await self._view(), self.by))

    @on()
    async def ask_removal(self) -> None:
        """What removing it means is said, and its name asked for; or why it cannot be."""
        with forms.told(self, "remove", {}):
            self.removal, self.problems = "", {**self.problems, "remove": ""}
            self.removal = await removing.consequence(self._table, (await self._view()).id)

    @on()
    async def remove(self, form: dict[str, Any]) -> Any:
        """It is used no more and in no list; the list is shown."""
        with forms.told(self, "remove", {}):
            self.say(await connection.remove(self._table, await self._view(), form, self.by), "good")
            self.removal = ""
            return rx.redirect(f"/{self._table}")
        return None
