/* What both roles of quick mode share: its messages, SPIs, keys, and which child takes whose place. */
#include "ike/v1/quick_mode.h"

#include <stdio.h>

#include "ike/heir.h"
#include "ike/lifetime.h"
#include "ike/narrow.h"
#include "ike/v2/keys.h"

static const struct payload_rule negotiation_payloads[] = {
	{ V1_PAYLOAD_SA, 1, 1 },
	{ V1_PAYLOAD_NONCE, 1, 1 },
	{ V1_PAYLOAD_KE, 0, 1 },
	{ V1_PAYLOAD_ID, 0, 2 },
	{ V1_PAYLOAD_NAT_OA, 0, 2 },
	{ V1_PAYLOAD_NAT_OA_DRAFT, 0, 2 },
	{ 0 },
};
static const struct payload_rule no_payloads[] = { { 0 } };
const struct message_rule v1_quick_first = { "quick mode message 1", negotiation_payloads };
const struct message_rule v1_quick_second = { "quick mode message 2", negotiation_payloads };
const struct message_rule v1_quick_third = { "quick mode message 3", no_payloads };

void v1_quick_cleanup(struct exchange *x)
{
	struct v1_quick_data *d = x->data;

	agreement_clear(&d->deal.ke);
	connection_release(d->deal.born);
}

/* Selectors. */

void v1_quick_one(const struct selector *s, struct selectors *ret)
{
	*ret = (struct selectors){ .count = 1, .list = { *s } };
}

static bool same_traffic(const struct child_sa *c, const struct child_deal *deal)
{
	return strcmp(c->config->name, deal->config->name) == 0 && c->spec.mode == deal->mode &&
		selectors_equal(&c->spec.local, &deal->local) &&
		selectors_equal(&c->spec.remote, &deal->remote);
}

static struct child_sa *live_child(
	struct ike_sa *sa, const struct child_deal *deal, const struct child_sa *except)
{
	struct child_sa *found = NULL;

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		for (struct child_sa *c = each->children; c; c = c->next)
			if (c != except && child_carries(c) && c->announced && !c->successor &&
				same_traffic(c, deal) && (!found || c->id > found->id))
				found = c;

	return found;
}

/* The newest live child for this traffic, on any ISAKMP SA with the peer. */
struct child_sa *v1_quick_live_child(struct ike_sa *sa, const struct child_deal *deal)
{
	return live_child(sa, deal, NULL);
}

static struct child_deal deal_like(const struct child_sa *c)
{
	return (struct child_deal){ .config = c->config,
		.mode = c->spec.mode,
		.local = c->spec.local,
		.remote = c->spec.remote };
}

struct child_sa *v1_quick_beside(struct child_sa *c)
{
	struct child_deal like = deal_like(c);

	return live_child(c->sa, &like, c);
}

/* Two were made for the same traffic at once, by both ends or by one in two ISAKMP SAs. Of the two that
 * with the lower SPI of all four goes, and who made it deletes it. Where only one end sees it so, the other
 * one finds out by the delete: see informational.c. */
#define CROSSED_NS (60 * NS_PER_SECOND)

static struct child_sa *crossing(struct ike_sa *sa, const struct child_sa *made)
{
	const struct child_deal like = deal_like(made);

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		for (struct child_sa *c = each->children; c; c = c->next)
			if (c != made && child_carries(c) && c->announced && !c->successor &&
				c->id != made->predecessor && c->predecessor != made->id &&
				c->installed_at + CROSSED_NS > sa->engine->now &&
				same_traffic(c, &like))
				return c;

	return NULL;
}

static uint32_t lower_spi(const struct child_sa *c)
{
	return c->spec.spi_in < c->spec.spi_out ? c->spec.spi_in : c->spec.spi_out;
}

bool v1_quick_outlasts(const struct child_sa *a, const struct child_sa *b)
{
	bool crossed = a->installed_at < b->installed_at + CROSSED_NS &&
		b->installed_at < a->installed_at + CROSSED_NS;

	return crossed ? lower_spi(a) > lower_spi(b) : a->id > b->id;
}

static void delete_after(struct child_sa *c, uint64_t ns)
{
	intent_add(c->sa,
		&(struct intent){ .kind = INTENT_DELETE_CHILD,
			.child_id = c->id,
			.end = SA_END_REPLACED,
			.not_before = c->sa->engine->now + ns });
}

void v1_quick_delete_replaced(struct child_sa *c)
{
	delete_after(c, NS_PER_SECOND);
}

/* Where more than two cross, what one end deletes may be all that the other one keeps: they don't do it at
 * the same moment, so that the later one has heard of it before, and keeps its own. */
static bool comes_first(const struct ike_sa *sa)
{
	return bytes_compare(
		       octets_bytes(&sa->local_id.value), octets_bytes(&sa->remote_id.value)) < 0;
}

#define PEER_DELETES_WITHIN_NS       (20 * NS_PER_SECOND)
#define PEER_DELETES_WITHIN_LATER_NS (30 * NS_PER_SECOND)
#define LATER_NS                     (5 * NS_PER_SECOND)

void v1_quick_expect_delete(struct child_sa *c)
{
	delete_after(c, comes_first(c->sa) ? PEER_DELETES_WITHIN_NS : PEER_DELETES_WITHIN_LATER_NS);
}

/* The third message of a quick mode was lost and came again: the other end has decided long ago, perhaps by
 * what we can't know. What it then doesn't delete goes when all that it does must have been heard. */
#define LATE_NS        (2 * NS_PER_SECOND)
#define LATE_DELETE_NS (40 * NS_PER_SECOND)

static bool came_late(const struct child_sa *made)
{
	return made->made_by && made->installed_at + LATE_NS < made->sa->engine->now;
}

static void delete_loser(struct child_sa *loser, bool late)
{
	if (late)
		delete_after(loser, LATE_DELETE_NS);
	else if (loser->made_by)
		v1_quick_expect_delete(loser);
	else
		delete_after(loser, comes_first(loser->sa) ? NS_PER_SECOND : LATER_NS);
}

/* Of those that took each other's place and led to `c`, the one that was to take the same place as `made`:
 * these two crossed, and are what the peer compares, though the one has been replaced since. */
static const struct child_sa *sibling(const struct child_sa *made, const struct child_sa *c)
{
	const struct child_sa *each = c;

	for (unsigned i = 0; i < LINE_CHILDREN_MAX && each; i++) {
		if (each != made && each->predecessor == made->predecessor)
			return each;
		each = child_find(c->sa->engine, each->predecessor);
	}
	return c;
}

/* Returns the one that goes, or NULL: none crossed. */
static struct child_sa *settle_crossing(struct child_sa *made)
{
	struct child_sa *other = crossing(made->sa, made);
	bool stays = other && v1_quick_outlasts(made, sibling(made, other));
	struct child_sa *loser = stays ? other : made;

	if (!other)
		return NULL;
	child_replaced(loser, loser == made ? other : made);
	delete_loser(loser, came_late(made));
	return loser;
}

/* The one that goes sends nothing where another can: its end may be on its way already. The peer may
 * install one that we began only with our last message, which nobody acknowledges: what it takes the place
 * of sends on until we delete that. */
void v1_quick_stands(struct child_sa *made, const struct child_sa *old)
{
	struct child_sa *loser = settle_crossing(made);
	struct child_sa *survivor =
		loser == made ? child_find(made->sa->engine, made->successor) : made;

	if (survivor && (survivor->made_by || !old || !old->installed_out))
		child_use_outbound(survivor);
	child_announce(made);
}

struct child_sa *v1_quick_rekeyed_child(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_sa *c = d->deal.rekeys_id ? child_find(x->engine, d->deal.rekeys_id) : NULL;

	d->deal.rekeys = c && c->state != IKE_CHILD_DELETED ? c : NULL;
	return d->deal.rekeys;
}

void v1_quick_rekeys(struct v1_quick_data *d, struct child_sa *c)
{
	d->deal.rekeys = c;
	d->deal.rekeys_id = c->id;
	d->deal.reqid = c->spec.reqid;
}

/* Parts of messages. */

struct v1_esp_terms v1_quick_terms(const struct exchange *x)
{
	const struct v1_quick_data *d = x->data;

	return (struct v1_esp_terms){ .config = d->deal.config,
		.group = d->deal.ke.group,
		.encapsulation = v1_encapsulation(x->sa, d->deal.mode),
		.spi = d->deal.spi_in };
}

void v1_quick_put_rest(struct exchange *x, struct bytes nonce)
{
	struct v1_quick_data *d = x->data;

	v1_put(x, V1_PAYLOAD_NONCE, nonce);
	if (d->deal.ke.group)
		v1_put(x, V1_PAYLOAD_KE, d->deal.ke.value);
	if (!d->has_ids)
		return;
	v1_put(x, V1_PAYLOAD_ID, d->id_i);
	v1_put(x, V1_PAYLOAD_ID, d->id_r);
}

/* Keys. */

static int keymat(const struct exchange *x, uint32_t spi, struct child_keys *ret_keys)
{
	const struct v1_quick_data *d = x->data;
	struct seal_suite suite = proposal_suite(&d->deal.chosen);
	struct v1_quick quick = { .protocol = V1_PROTOCOL_ESP,
		.spi = spi,
		.ni = d->deal.ni,
		.nr = d->deal.nr,
		.shared = d->deal.ke.shared };

	return v1_keymat(&x->sa->v1->keys, &quick, &suite, ret_keys);
}

/* Both ends go by the shorter life. Who made the child comes first with rekeying it. */
static void heed_lifetime(struct child_sa *c, uint64_t life_s)
{
	struct ike_engine *e = c->sa->engine;
	ike_time at = e->now + (life_s - life_s / (c->made_by ? 20 : 10)) * NS_PER_SECOND;

	if (!life_s || life_s > UINT32_MAX)
		return;
	if (at < c->rekey_at) {
		c->rekey_at = at;
		timer_set(&e->timers, &c->rekey_timer, at);
	}
	if (e->now + life_s * NS_PER_SECOND < c->expire_at) {
		c->expire_at = e->now + life_s * NS_PER_SECOND;
		timer_set(&e->timers, &c->expire_timer, c->expire_at);
	}
}

struct child_sa *v1_quick_install(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_keys in = { 0 }, out = { 0 };
	struct child_sa *made = NULL;
	struct ike_sa *newest;

	if (keymat(x, d->deal.spi_in, &in) == 0 && keymat(x, d->deal.spi_out, &out) == 0)
		made = deal_install_keyed(x, &d->deal, &in, &out);
	bytes_wipe(&in, sizeof(in));
	bytes_wipe(&out, sizeof(out));
	if (!made)
		return NULL;
	made->all_local = d->all_local;
	made->all_remote = d->all_remote;
	heed_lifetime(made, d->transform.life_seconds);
	newest = v1_newest(x->sa);
	if (newest != x->sa)
		child_move(made, newest);
	return made;
}

enum step v1_quick_ask_spi(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct v1_quick_data *d = x->data;

	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){
				.kind = IKE_ASK_SPI, .connection = x->sa->connection });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(x, 0, "no SPI for the child: %s", answer->reason);
	d->deal.spi_in = answer->spi;
	return STEP_NEXT;
}

bool v1_quick_take_transform(struct exchange *x)
{
	struct v1_quick_data *d = x->data;

	return v1_esp_transform_to_proposal(&d->transform, &d->deal.chosen);
}
