"""What a supplier offers, said by people: one product at a time beside the list; files are ``webui.mapping_files``'."""

from __future__ import annotations

from typing import Any

from engine.domain.roles import Permission
from engine.errors import BluebookError
from engine.services import offer_sheets, suggest
from webui import words
from webui.states import connection
from webui.states.base import Book, on
from webui.states.suppliers import SupplierSettings, supplier_of

MOST_TEXT = 200


class Offering(Book):
    """The form. ``key`` counts what was added: then it is a new one, empty."""

    key: int = 0
    problem: str = ""
    products: list[str] = []

    @on(Permission.VIEW)
    def load(self) -> None:
        """The form is empty."""
        self.problem, self.products = "", []
        self.key += 1

    @on(Permission.VIEW)
    async def look(self, text: str) -> None:
        """The SKUs of products like what is typed are suggested."""
        wanted = str(text)[:MOST_TEXT].strip()
        found = [one.value for one in await suggest.products(wanted)] if len(wanted) > 1 else []
        if found != self.products:
            self.products = found

    @on(Permission.PRODUCTS)
    async def add(self, form: dict[str, Any]) -> Any:
        """The supplier offers the product, which is made where there is none; orders that waited for it are checked again."""
        given = {name: text.strip()[:MOST_TEXT] for name, text in connection.text_of(form).items()}
        view = await supplier_of(connection.second_part(self.router.url.path))
        try:
            new, orders = await offer_sheets.offer(given, view, self.by)
        except BluebookError as error:
            self.problem = words.sentence(error.message)
            return None
        made = f"{given['sku']} is a new product; " if new else ""
        freed = f"; {orders.said}" if orders.said else ""
        self.say(words.sentence(words.plain(f"{made}{view.code} offers {given['sku']} now{freed}")), "good")
        self.problem, self.products = "", []
        self.key += 1
        return SupplierSettings.show_offers
