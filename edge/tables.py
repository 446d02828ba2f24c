"""The tables of an edge node besides the timelines and the accounts."""

from collections.abc import Callable
from dataclasses import dataclass

from store.account_rows import AccountRows
from store.calls import CallTables
from store.cassandra import Store
from store.fact_tables import FactTables
from store.factors import Factors
from store.group_rows import GroupRows
from store.presence import Presences
from store.privacy import PrivacyTable
from store.profiles import ProfileTables
from store.public_groups import PublicGroups
from store.push_campaigns import CampaignTables
from store.push_count_rows import CountRows
from store.push_tables import PushTables
from store.receipts import ReceiptTables
from store.rosters import RosterTables
from store.sealing import Sealer
from store.sign_ins import SignIns
from store.slips import Slips
from store.tenancy import TenancyTables
from store.webhook_standings import WebhookStandings


@dataclass(frozen=True, slots=True)
class Tables:
    presences: Presences
    privacy: PrivacyTable
    receipts: ReceiptTables
    tenancy: TenancyTables
    profiles: ProfileTables
    facts: FactTables
    group_rows: GroupRows
    public_groups: PublicGroups
    rosters: RosterTables
    sign_ins: SignIns
    account_rows: AccountRows
    factors: Factors
    slips: Slips
    push: PushTables
    campaigns: CampaignTables
    calls: CallTables
    webhooks: WebhookStandings
    push_counts: Callable[[str], CountRows]  # of the log of that epoch

    @classmethod
    def of(cls, store: Store, sealer: Sealer | None = None) -> "Tables":
        """`sealer`: of push tokens; None: none can be registered."""
        return cls(
            Presences(store),
            PrivacyTable(store),
            ReceiptTables(store),
            TenancyTables(store),
            ProfileTables(store),
            FactTables(store),
            GroupRows(store),
            PublicGroups(store),
            RosterTables(store),
            SignIns(store),
            AccountRows(store),
            Factors(store),
            Slips(store),
            PushTables(store, sealer),
            CampaignTables(store),
            CallTables(store),
            WebhookStandings(store),
            lambda epoch: CountRows(store, epoch),
        )
