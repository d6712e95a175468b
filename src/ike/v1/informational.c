/* Informational exchanges, RFC 2409 §5.7: one message that nobody answers, with deletes and
 * notifications. Only protected ones change anything. A delete may get lost, so each is said again a few
 * times; where all got lost, what it was to delete ends with the next packet that the peer sends over it,
 * by dead peer detection or by its lifetime. */
#include <stdio.h>

#include "ike/lifetime.h"
#include "ike/peers.h"
#include "ike/renew.h"
#include "ike/unique.h"
#include "ike/v1/ikev1.h"

static const struct payload_rule any_payloads[] = {
	{ V1_PAYLOAD_DELETE, 0, 255 },
	{ 0 },
};
static const struct message_rule any = { "informational", any_payloads };

static struct v1_delete delete_of(uint8_t protocol, struct bytes spi)
{
	return (struct v1_delete){ .doi = V1_DOI_IPSEC,
		.protocol = protocol,
		.spi_size = (uint8_t)spi.size,
		.count = 1,
		.spis = spi };
}

static void put_delete(struct exchange *x, uint8_t protocol, struct bytes spi)
{
	struct v1_delete del = delete_of(protocol, spi);

	v1_delete_encode(exchange_payload(x, V1_PAYLOAD_DELETE), &del);
	exchange_payload_end(x);
}

/* How often a delete is said again, and after how long first; then after twice as long. */
#define DELETE_REPEATS 2
#define REPEAT_NS      NS_PER_SECOND
/* Until then what was deleted still receives: the peer may not know before the last repeat. */
#define RECEIVES_NS    (10 * NS_PER_SECOND)

/* Deleting a child. Who wants an end of it means what was made in its place, too. */

static struct child_sa *to_be_deleted(struct exchange *x)
{
	struct intent *i = x->intent;
	struct child_sa *c = child_find(x->engine, i->child_id);

	if (i->end == SA_END_COMMAND)
		c = child_latest(c);
	if (!c || c->state == IKE_CHILD_DELETED)
		return NULL;
	if (i->end == SA_END_REPLACED && c->state != IKE_CHILD_REKEYED) {
		i->child_id = 0; /* what was to replace it has gone: see revive_replaced() */
		return NULL;
	}
	i->child_id = c->id;
	return c;
}

/* The last of those that took its place one after another; NULL: none is left. */
static struct child_sa *survivor_of(struct child_sa *c)
{
	struct child_sa *last = child_latest(c);

	return last != c && last->installed_in && last->state != IKE_CHILD_DELETED ? last : NULL;
}

static bool hand_on(struct child_sa *c)
{
	struct child_sa *survivor = survivor_of(c);

	if (!survivor)
		return false;
	child_use_outbound(survivor);
	child_announce(survivor);
	child_stop_outbound(c, true);
	return true;
}

static enum step build_delete_child(struct exchange *x)
{
	struct child_sa *c = x->intent->tries ? NULL : to_be_deleted(x);
	uint8_t spi[4];

	if (!c && !x->intent->tries)
		return STEP_END;
	if (c) {
		hand_on(c);
		c->state = IKE_CHILD_DELETING;
		x->intent->spi = c->spec.spi_in;
	}
	store_u32(spi, x->intent->spi);
	put_delete(x, V1_PROTOCOL_ESP, BYTES_OF(spi));
	return STEP_NEXT;
}

static void delete_again(struct ike_sa *sa, const struct intent *done)
{
	if (done->spi && done->tries < DELETE_REPEATS)
		intent_add(sa,
			&(struct intent){ .kind = INTENT_DELETE_CHILD,
				.spi = done->spi,
				.tries = done->tries + 1,
				.not_before = sa->engine->now + (REPEAT_NS << done->tries) });
}

/* What it was to take the place of has what takes its own place as successor: it may be freed before that
 * goes. */
static void leave_line(const struct child_sa *gone)
{
	struct ike_sa *sa = gone->sa;

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		for (struct child_sa *c = each->children; c; c = c->next)
			if (gone->successor && c->successor == gone->id)
				c->successor = gone->successor;
}

static void retire_child(struct child_sa *c, enum sa_end end)
{
	uint32_t id = c->id;
	struct ike_engine *e = c->sa->engine;
	ike_time until = e->now + RECEIVES_NS;

	leave_line(c);
	child_retire(c, end, "deleted");
	c = child_find(e, id);
	if (c && c->state == IKE_CHILD_DELETED && c->expire_timer.due < until)
		timer_set(&e->timers, &c->expire_timer, until);
}

static void delete_child_done(struct exchange *x)
{
	struct child_sa *c = child_find(x->engine, x->intent->child_id);

	if (c && c->state != IKE_CHILD_DELETED)
		retire_child(c, x->intent->end);
	delete_again(x->sa, x->intent);
	command_done(x->engine, x->intent->command, true, c != NULL, "");
}

static void delete_child_failed(struct exchange *x, const char *why)
{
	(void)why;
	delete_child_done(x);
}

static step_fn *const delete_child_begins[] = { build_delete_child, NULL };
static const struct round delete_child_rounds[] = { { NULL, delete_child_begins, &any } };

const struct exchange_kind v1_delete_child = {
	.name = "informational",
	.type = V1_INFORMATIONAL,
	.rounds = delete_child_rounds,
	.round_count = 1,
	.failed = delete_child_failed,
	.finished = delete_child_done,
};

/* ESP comes for a child that the peer still has: our Delete of it got lost. Here is another. */
static enum step build_delete_stray(struct exchange *x)
{
	uint8_t spi[4];

	store_u32(spi, x->sa->stray_spi);
	put_delete(x, V1_PROTOCOL_ESP, BYTES_OF(spi));
	return STEP_NEXT;
}

static step_fn *const delete_stray_begins[] = { build_delete_stray, NULL };
static const struct round delete_stray_rounds[] = { { NULL, delete_stray_begins, &any } };

const struct exchange_kind v1_delete_stray = {
	.name = "informational",
	.type = V1_INFORMATIONAL,
	.rounds = delete_stray_rounds,
	.round_count = 1,
};

/* Deleting the ISAKMP SA, and with it the children that no other has adopted. */

static struct bytes cookies(const struct ike_sa *sa, uint8_t out[static 16])
{
	store_u64(out, sa->spi_i);
	store_u64(out + 8, sa->spi_r);
	return BYTES(out, 16);
}

/* The children first, each in a message of its own: strongSwan up to 5.9 looks at one delete only. */
static enum step build_delete_ike(struct exchange *x)
{
	uint8_t spi[16], child[4];

	x->sa->delete_sent = true;
	if (x->intent->end == SA_END_REPLACED || x->intent->end == SA_END_FAILED)
		v1_bequeath(x->sa);
	for (struct child_sa *c = x->sa->children; c; c = c->next) {
		if (c->state == IKE_CHILD_DELETED || c->state == IKE_CHILD_DELETING ||
			!c->installed_in)
			continue;
		c->state = IKE_CHILD_DELETING;
		store_u32(child, c->spec.spi_in);
		put_delete(x, V1_PROTOCOL_ESP, BYTES_OF(child));
		return STEP_NEXT;
	}
	x->last = true;
	put_delete(x, V1_PROTOCOL_ISAKMP, cookies(x->sa, spi));
	return STEP_NEXT;
}

static void delete_ike_done(struct exchange *x)
{
	uint64_t command = x->intent->command;
	struct ike_sa *sa = x->sa;

	sa_linger(sa, x->intent->end, "deleted");
	timer_set(&sa->engine->timers, &sa->v1->dpd.timer, sa->engine->now + REPEAT_NS);
	command_done(x->engine, command, true, 1, "");
}

static void delete_ike_failed(struct exchange *x, const char *why)
{
	uint64_t command = x->intent->command;

	sa_doom(x->sa, x->intent->end, why);
	command_done(x->engine, command, true, 1, why);
}

void v1_delete_again(struct ike_sa *sa)
{
	struct v1_dpd *d = &sa->v1->dpd;
	uint8_t spi[16];
	struct v1_delete del = delete_of(V1_PROTOCOL_ISAKMP, cookies(sa, spi));

	if (!sa->delete_sent || d->deletes++ >= DELETE_REPEATS)
		return;
	v1_send_delete(sa, &del);
	timer_set(&sa->engine->timers, &d->timer, sa->engine->now + (REPEAT_NS << d->deletes));
}

static step_fn *const delete_ike_begins[] = { build_delete_ike, NULL };
static const struct round delete_ike_rounds[] = { { NULL, delete_ike_begins, &any, true } };

const struct exchange_kind v1_delete_ike = {
	.name = "informational",
	.type = V1_INFORMATIONAL,
	.rounds = delete_ike_rounds,
	.round_count = 1,
	.failed = delete_ike_failed,
	.finished = delete_ike_done,
};

/* What comes. */

struct informational_data {
	uint32_t delete_ike; /* the ISAKMP SA; 0: none */
	bool initial_contact;
};

static bool leads_to(const struct child_sa *c, const struct child_sa *gone)
{
	const struct child_sa *next = c;

	for (unsigned i = 0; i < LINE_CHILDREN_MAX && next && next != gone; i++)
		next = child_find(c->sa->engine, next->successor);
	return next == gone;
}

static bool goes_on_before(const struct child_sa *c, const struct child_sa *other)
{
	return leads_to(other, c) || (!leads_to(c, other) && v1_quick_outlasts(c, other));
}

/* Of those that were to be replaced by it, or by what it replaced, and that can still send, the latest; or
 * where they crossed, that which the peer sees as the one to stay, too. */
static struct child_sa *heir_of_replaced(struct child_sa *gone)
{
	struct ike_sa *sa = gone->sa;
	struct child_sa *found = NULL;

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		for (struct child_sa *c = each->children; c; c = c->next)
			if (c != gone && c->state == IKE_CHILD_REKEYED && !c->sent_enough &&
				leads_to(c, gone) && (!found || goes_on_before(c, found)))
				found = c;

	return found;
}

/* What was to be replaced by the one that the peer deletes goes on: the two ends saw differently which of
 * them replaces the other. */
static void revive_replaced(struct child_sa *gone)
{
	struct timers *timers = &gone->sa->engine->timers;
	struct child_sa *c = heir_of_replaced(gone);

	if (!c)
		return;
	c->successor = 0;
	c->state = IKE_CHILD_INSTALLED;
	child_use_outbound(c);
	timer_set(timers, &c->rekey_timer, c->rekey_at);
	timer_set(timers, &c->expire_timer, c->expire_at);
	gone->successor = c->id;
}

/* The peer deletes what it receives on: our outbound SA. A successor takes over before it goes. */
static void delete_child(struct ike_sa *sa, uint32_t spi)
{
	struct child_sa *c = v1_child_by_spi_out(sa, spi), *beside;

	if (!c) {
		v1_quick_mode_deleted(sa, spi);
		return;
	}
	v1_quick_mode_confirmed(sa, c);
	if (!hand_on(c))
		revive_replaced(c);
	if (!c->successor && (beside = v1_quick_beside(c)))
		c->successor = beside->id; /* we never saw that it had the third message */
	leave_line(c);
	child_retire(c, SA_END_PEER_DELETED, "deleted by the peer");
}

static struct ike_sa *sa_named(struct ike_sa *sa, struct bytes spi)
{
	uint8_t own[16];

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		if (bytes_equal(cookies(each, own), spi))
			return each;

	return NULL;
}

static void read_delete(struct exchange *x, const struct v1_delete *del)
{
	struct informational_data *d = x->data;
	struct reader r = reader_of(del->spis);

	for (uint16_t i = 0; i < del->count; i++) {
		struct bytes spi = read_bytes(&r, del->spi_size);
		struct ike_sa *named;

		if (!reader_ok(&r))
			return;
		if (del->protocol == V1_PROTOCOL_ESP && spi.size == 4) {
			delete_child(x->sa, load_u32(spi.data));
		} else if (del->protocol == V1_PROTOCOL_ISAKMP && spi.size == 16) {
			named = sa_named(x->sa, spi);
			if (named)
				d->delete_ike = named->id;
		}
	}
}

/* An error that ends what we have begun: it comes in an exchange of its own and names at most an
 * SPI. */
static void read_error(struct exchange *x, const struct v1_notify *n)
{
	struct exchange *ours = x->sa->ours;
	char name[NAME_TEXT_MAX], why[REJECT_TEXT_MAX];
	const struct connection *c = x->sa->connection;

	snprintf(why, sizeof(why),
		"the peer refused with %s: compare with its configuration (%s:%u)",
		v1_notify_name(n->type, name), c->where.file, c->where.line);
	if (ours && ours->kind->type == V1_QUICK_MODE && ours->round > 0 && !ours->question_id)
		v1_quick_mode_refused(ours, n->type, why);
	else
		sa_tell(x->sa, IKE_EVENT_FAILED, 0, "%s", why);
}

static void read_notify(struct exchange *x, const struct v1_notify *n)
{
	struct informational_data *d = x->data;
	char name[NAME_TEXT_MAX];

	if (n->type == V1_R_U_THERE || n->type == V1_R_U_THERE_ACK)
		v1_dpd_read(x, n);
	else if (n->type == V1_INITIAL_CONTACT)
		d->initial_contact = true;
	else if (n->type < V1_NOTIFY_STATUS_FIRST)
		read_error(x, n);
	else
		sa_tell(x->sa, IKE_EVENT_NOTE, 2, "the peer says %s",
			v1_notify_name(n->type, name));
}

static enum step handle(struct exchange *x)
{
	struct informational_data *d = x->data;
	const struct payload *p;
	struct v1_delete del;
	struct v1_notify n;

	for (size_t i = 0; (p = chain_find(exchange_in(x), V1_PAYLOAD_NOTIFY, i)); i++)
		if (v1_notify_decode(p->body, &n))
			read_notify(x, &n);
	for (size_t i = 0; (p = chain_find(exchange_in(x), V1_PAYLOAD_DELETE, i)); i++)
		if (v1_delete_decode(p->body, &del))
			read_delete(x, &del);
	if (d->initial_contact && x->sa->established_at)
		unique_admit(x, true);
	return STEP_NEXT;
}

static void handled(struct exchange *x)
{
	struct informational_data *d = x->data;
	struct ike_sa *sa = d->delete_ike ? sa_find(x->engine, d->delete_ike) : NULL;
	bool rekeyed;

	if (!sa || sa->gone)
		return;
	if (sa->established_at)
		v1_bequeath(sa); /* who deletes it has a newer one, if there is one */
	rekeyed = sa->state == IKE_REKEYED || renew_succeeded(sa);
	sa_linger(sa, rekeyed ? SA_END_REPLACED : SA_END_PEER_DELETED,
		rekeyed ? "replaced" : "deleted by the peer");
}

static step_fn *const handle_steps[] = { handle, NULL };
static const struct round handle_rounds[] = { { &any, handle_steps, NULL } };

const struct exchange_kind v1_informational_responder = {
	.name = "informational",
	.type = V1_INFORMATIONAL,
	.rounds = handle_rounds,
	.round_count = 1,
	.data_size = sizeof(struct informational_data),
	.finished = handled,
};

/* In the clear: whoever sent it, nothing changes. But it may be the reason why the peer is silent. */
void v1_informational_unprotected(struct ike_sa *sa, const struct opened *message)
{
	const struct payload *p = chain_find(&message->chain, V1_PAYLOAD_NOTIFY, 0);
	char name[NAME_TEXT_MAX];
	struct v1_notify n;

	if (!p || !v1_notify_decode(p->body, &n))
		return;
	if (sa->established_at) {
		sa_tell(sa, IKE_EVENT_NOTE, 1, "ignored %s, which is not authentic",
			v1_notify_name(n.type, name));
		return;
	}
	snprintf(sa->v1->trouble, sizeof(sa->v1->trouble),
		"it seems to have refused with %s; compare both ends' IKE proposals, identities and secrets (%s:%u)",
		v1_notify_name(n.type, name), sa->connection ? sa->connection->where.file : "",
		sa->connection ? sa->connection->where.line : 0);
	sa_tell(sa, IKE_EVENT_NOTE, 0, "%s", sa->v1->trouble);
}
