"""The statements about campaigns and what became of pushes. They name no keyspace: the connection uses one.

The first event of a kind counts, so its row's timestamp is the negative of its time: an earlier one wins, a repeat changes nothing.
"""

PUT_CAMPAIGN = "INSERT INTO push_campaigns (campaign, definition) VALUES (?, ?) USING TIMESTAMP ?"
PUT_CAMPAIGN_ID = "INSERT INTO push_campaign_ids (tenant, campaign) VALUES (?, ?)"
CANCEL_CAMPAIGN = "UPDATE push_campaigns USING TIMESTAMP ? SET cancelled_at_ms = ?, cancelled_by = ? WHERE campaign = ?"
START_CAMPAIGN = "UPDATE push_campaigns USING TIMESTAMP ? SET started_at_ms = ? WHERE campaign = ?"
FINISH_CAMPAIGN = "UPDATE push_campaigns USING TIMESTAMP ? SET finished_at_ms = ?, users = ? WHERE campaign = ?"
CAMPAIGN = "SELECT definition, cancelled_at_ms, cancelled_by, started_at_ms, finished_at_ms, users FROM push_campaigns WHERE campaign = ?"
CAMPAIGN_IDS = "SELECT campaign FROM push_campaign_ids WHERE tenant = ? LIMIT ?"
CAMPAIGN_IDS_AFTER = "SELECT campaign FROM push_campaign_ids WHERE tenant = ? AND campaign < ? LIMIT ?"
PUT_CAMPAIGN_PLACE = "UPDATE push_campaigns SET place = ? WHERE campaign = ?"
CAMPAIGN_PLACE = "SELECT place FROM push_campaigns WHERE campaign = ?"

# ---- counts: the row's timestamp is the offset up to which it counts, so that of two writers the one who got farther wins
COUNTS = "SELECT partition, counts, next_offset FROM push_counts WHERE scope = ? AND epoch = ?"
COUNTS_OF_PARTITION = "SELECT counts, next_offset FROM push_counts WHERE scope = ? AND epoch = ? AND partition = ?"
PUT_COUNTS = "INSERT INTO push_counts (scope, epoch, partition, counts, next_offset) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
