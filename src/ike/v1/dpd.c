/* Dead peer detection, RFC 3706: R-U-THERE with a sequence number, answered with R-U-THERE-ACK. Any
 * authentic message proves life, so one is sent only into silence; each try is a message of its own,
 * since IKEv1's message IDs are never used twice. */
#include <stdio.h>

#include "ike/liveness.h"
#include "ike/v1/ikev1.h"

static void send(struct ike_sa *sa, uint16_t type, uint32_t sequence)
{
	uint8_t spi[16], data[V1_NOTIFY_DPD_BYTES];

	store_u64(spi, sa->spi_i);
	store_u64(spi + 8, sa->spi_r);
	store_u32(data, sequence);
	v1_send_notify(sa,
		&(struct v1_notify){ .doi = V1_DOI_IPSEC,
			.protocol = V1_PROTOCOL_ISAKMP,
			.type = type,
			.spi = BYTES_OF(spi),
			.data = BYTES_OF(data) });
}

static void probe(struct ike_sa *sa)
{
	struct v1_dpd *d = &sa->v1->dpd;

	send(sa, V1_R_U_THERE, d->sent);
	timer_set(&sa->engine->timers, &d->timer,
		sa->engine->now + retransmit_after_ns(sa, d->tries));
}

/* Who sent the last message of phase 1 doesn't know whether it got there. Asking tells; of a peer that
 * can't be asked, that it has not come again with its own last message. */
#define ASK_AFTER_NS     NS_PER_SECOND
#define CONFIRM_AFTER_NS (20 * NS_PER_SECOND)

void v1_confirm_later(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;
	bool can = v1_peer_has(sa, V1_VENDOR_DPD);

	timer_set(&e->timers, &sa->v1->dpd.timer, e->now + (can ? ASK_AFTER_NS : CONFIRM_AFTER_NS));
}

static void confirm(struct ike_sa *sa)
{
	if (v1_peer_has(sa, V1_VENDOR_DPD))
		v1_dpd_begin(sa);
	else
		v1_confirmed(sa);
}

/* §5.4: the first number is random, with its highest bit clear. */
void v1_dpd_begin(struct ike_sa *sa)
{
	struct v1_dpd *d = &sa->v1->dpd;

	if (d->waiting || !sa->established_at || !v1_peer_has(sa, V1_VENDOR_DPD))
		return;
	if (!d->sent) {
		random_fill(&sa->engine->options.random, &d->sent, sizeof(d->sent));
		d->sent &= 0x7fffffff;
	}
	d->sent++;
	d->waiting = true;
	d->tries = 0;
	d->since = sa->engine->now;
	probe(sa);
}

static bool patience_ends(const struct ike_sa *sa)
{
	const struct v1_dpd *d = &sa->v1->dpd;
	uint64_t timeout_s = sa->connection->dpd_timeout_s;

	if (timeout_s)
		return sa->engine->now >= sa->last_heard + timeout_s * NS_PER_SECOND;
	return d->tries >= sa->engine->options.retransmit_tries;
}

void v1_dpd_due(struct ike_sa *sa)
{
	struct v1_dpd *d = &sa->v1->dpd;
	char why[200], remote[ENDPOINT_TEXT_MAX];

	if (sa->gone) {
		v1_delete_again(sa);
		return;
	}
	if (!d->waiting) {
		if (!sa->v1->confirmed)
			confirm(sa);
		return;
	}
	if (sa->last_heard > d->since) {
		d->waiting = false;
		return;
	}
	if (!patience_ends(sa)) {
		d->tries++;
		sa->engine->stats.retransmitted++;
		probe(sa);
		return;
	}
	d->waiting = false;
	snprintf(why, sizeof(why), "%s did not answer R-U-THERE, sent %u times",
		endpoint_print(&sa->path.remote, remote), d->tries + 1);
	sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", why);
	sa_doom(sa, SA_END_PEER_GONE, why);
}

static bool about_this(const struct ike_sa *sa, const struct v1_notify *n)
{
	return !n->spi.size ||
		(n->spi.size == 16 && load_u64(n->spi.data) == sa->spi_i &&
			load_u64(n->spi.data + 8) == sa->spi_r);
}

/* A number that is not above the last one is a replay, §5.4; a try again has the same. */
static bool fresh(const struct v1_dpd *d, uint32_t number)
{
	return !d->seen || (int32_t)(number - d->received) >= 0;
}

void v1_dpd_read(struct exchange *x, const struct v1_notify *n)
{
	struct ike_sa *sa = x->sa;
	struct v1_dpd *d = &sa->v1->dpd;
	uint32_t number;

	if (n->data.size != V1_NOTIFY_DPD_BYTES || !about_this(sa, n))
		return;
	number = load_u32(n->data.data);
	if (n->type == V1_R_U_THERE_ACK) {
		if (d->waiting && number == d->sent) {
			d->waiting = false;
			timer_clear(&sa->engine->timers, &d->timer);
		}
	} else if (fresh(d, number)) {
		d->seen = true;
		d->received = number;
		send(sa, V1_R_U_THERE_ACK, number);
	}
}
