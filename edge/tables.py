"""The tables of an edge node besides the timelines and the accounts."""

from dataclasses import dataclass

from store.cassandra import Store
from store.presence import Presences
from store.privacy import PrivacyTable
from store.profiles import ProfileTables
from store.receipts import ReceiptTables
from store.tenancy import TenancyTables


@dataclass(frozen=True, slots=True)
class Tables:
    presences: Presences
    privacy: PrivacyTable
    receipts: ReceiptTables
    tenancy: TenancyTables
    profiles: ProfileTables

    @classmethod
    def of(cls, store: Store) -> "Tables":
        return cls(Presences(store), PrivacyTable(store), ReceiptTables(store), TenancyTables(store), ProfileTables(store))
