"""The handler of {{name}}: reports the orders of each region."""

from hanzo.functions import Context, Response

# Seconds.
KEPT = 30 * 24 * 3600


def report(ctx: Context) -> Response:
    """Writes the report of a scheduled time, once however often it is run."""
    regions = ctx.data.get("regions")
    if not isinstance(regions, list):
        return Response.error(400, "the payload has no regions")
    # When the run was due, not when it runs: later attempts and runs that are made up for have the same name.
    due = ctx.trigger.timestamp
    orders = {region: int(ctx.kv.get(f"orders:{region}") or 0) for region in regions}
    is_new = ctx.kv.set(f"report:{due}", orders, ttl=KEPT, nx=True)
    ctx.log.info("report written" if is_new else "report was there", {"due": due, "orders": orders})
    return Response.ok({"due": due, "new": is_new})
