/* Who may set up an IKE SA without a child: the responder says in IKE_SA_INIT that it would take
 * one (RFC 6023 §3), `childless` of both ends decides whether that is used. */
#include "ike/v2/childless.h"

void childless_put_init(struct exchange *x)
{
	if (!x->initiator && x->sa->connection->childless != CHILDLESS_NEVER)
		exchange_notify(x, CHILDLESS_IKEV2_SUPPORTED, BYTES_EMPTY);
}

void childless_read_init(struct exchange *x)
{
	struct notify n;

	x->sa->setup->peer_childless =
		x->initiator && chain_notify(exchange_in(x), CHILDLESS_IKEV2_SUPPORTED, &n);
}

enum step childless_decide(
	struct exchange *x, const struct child_config *child, bool *ret_childless)
{
	const struct connection *c = x->sa->connection;
	struct where where = where_said(c->where_childless, c->where);
	bool able = x->sa->setup->peer_childless;
	bool forced = c->childless == CHILDLESS_FORCE;

	if ((!child || forced) && !able)
		return exchange_reject(x, 0,
			"connection %s %s (%s:%u), and the peer accepts no IKE SA without a child (RFC 6023): %s, or let the peer allow it (childless = allow)",
			c->name, forced ? "has childless = force" : "has no children", where.file,
			where.line, forced ? "change that" : "add a child");
	*ret_childless = !child || forced || (c->childless == CHILDLESS_PREFER && able);
	return STEP_NEXT;
}

bool childless_accepts(struct exchange *x, bool with_child)
{
	const struct connection *c = x->sa->connection;
	struct where where = where_said(c->where_childless, c->where);

	if (with_child ? c->childless != CHILDLESS_FORCE : c->childless != CHILDLESS_NEVER)
		return true;
	x->reject.doom = true;
	exchange_reject(x, INVALID_SYNTAX,
		"INVALID_SYNTAX: the peer's IKE_AUTH has %s child, and connection %s has childless = %s (%s:%u)",
		with_child ? "a" : "no", c->name, with_child ? "force" : "never", where.file,
		where.line);
	return false;
}
