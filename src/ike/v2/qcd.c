#include "ike/v2/qcd.h"

#include "ike/child.h"
#include "ike/v2/child_notifies.h"
#include "ike/v2/send.h"

#define IKE_PORT      500
#define PRESENTED_MAX 4 /* tokens looked at in one message, §4.5 */

/* Clear text proves nothing, so that it may cost little: a hint leads to one probe in this time,
 * and tokens are compared that often. */
#define HINT_INTERVAL_NS  (5 * NS_PER_SECOND)
#define TOKEN_INTERVAL_NS (100 * NS_PER_MS)

/* Making. */

static bool qcd_made(const struct ike_engine *e)
{
	return e->options.qcd_secret.size != 0;
}

/* TOKEN_SECRET_DATA = HASH(QCD_SECRET | SPI-I | SPI-R), §5.1; as a MAC, which is one. */
static void token_make(
	struct ike_engine *e, uint64_t spi_i, uint64_t spi_r, uint8_t out[static QCD_TOKEN_BYTES])
{
	uint8_t spis[16];
	struct bytes part = BYTES_OF(spis);

	store_u64(spis, spi_i);
	store_u64(spis + 8, spi_r);
	memset(out, 0, QCD_TOKEN_BYTES);
	prf(e->options.crypto, PRF_HMAC_SHA2_256, secret_bytes(&e->options.qcd_secret), &part, 1,
		out);
}

void qcd_put_for(struct exchange *x, uint64_t spi_i, uint64_t spi_r)
{
	uint8_t token[QCD_TOKEN_BYTES];

	if (!qcd_made(x->engine))
		return;
	token_make(x->engine, spi_i, spi_r, token);
	exchange_notify_spi(x, QUICK_CRASH_DETECTION, PROTOCOL_IKE, 0, BYTES_OF(token));
	bytes_wipe(token, sizeof(token));
}

void qcd_put(struct exchange *x)
{
	qcd_put_for(x, x->sa->spi_i, x->sa->spi_r);
}

static enum step build(struct exchange *x)
{
	if (!qcd_made(x->engine))
		return STEP_END;
	qcd_put(x);
	return STEP_NEXT;
}

static const struct payload_rule no_payloads[] = { { PAYLOAD_DELETE, 0, 255 }, { PAYLOAD_CP, 0, 1 },
	{ 0 } };
static const struct message_rule request = { "INFORMATIONAL request", no_payloads };
static const struct message_rule response = { "INFORMATIONAL response", no_payloads };
static step_fn *const begins[] = { build, NULL };
static step_fn *const ends[] = { NULL };
static const struct round rounds[] = { { NULL, begins, &request }, { &response, ends, NULL } };

const struct exchange_kind qcd_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = rounds,
	.round_count = 2,
};

/* Taking. */

void qcd_read(struct exchange *x, struct ike_sa *sa)
{
	struct notify n;

	if (!chain_notify(exchange_in(x), QUICK_CRASH_DETECTION, &n) ||
		n.data.size < QCD_TOKEN_BYTES_MIN || n.data.size > QCD_TOKEN_BYTES_MAX)
		return;
	octets_set(&sa->qcd_token, n.data);
}

void qcd_rekeyed(struct exchange *x, struct ike_sa *made)
{
	qcd_read(x, made);
	if (x->sa->qcd_token.size)
		intent_add(made, &(struct intent){ .kind = INTENT_QCD_TOKEN });
}

void qcd_read_auth(struct exchange *x)
{
	qcd_read(x, x->sa);
}

/* The peer may be gone, if it isn't somebody else who says so. */
static void hinted(struct ike_sa *sa)
{
	ike_time now = sa->engine->now;

	if (!sa->established_at || sa->window.waiting || now - sa->last_heard < HINT_INTERVAL_NS ||
		(sa->hinted_at && now - sa->hinted_at < HINT_INTERVAL_NS))
		return;
	sa->hinted_at = now;
	sa_tell(sa, IKE_EVENT_NOTE, 1,
		"a message in the clear says that the peer has lost its state: is it there?");
	intent_add(sa, &(struct intent){ .kind = INTENT_LIVENESS });
}

static bool token_matches(const struct ike_sa *sa, const struct payload_chain *chain)
{
	const struct payload *p;
	size_t seen = 0;
	bool good = false;

	for (size_t i = 0; seen < PRESENTED_MAX && (p = chain_find(chain, PAYLOAD_NOTIFY, i));
		i++) {
		struct notify n;

		if (!notify_decode(p->body, &n) || n.type != QUICK_CRASH_DETECTION)
			continue;
		seen++;
		good = bytes_equal_secret(n.data, octets_bytes(&sa->qcd_token)) || good;
	}
	return good;
}

static bool clear_chain(
	const struct ike_header *header, struct bytes datagram, struct payload_chain *ret_chain)
{
	struct bytes body =
		BYTES(datagram.data + IKE_HEADER_BYTES, datagram.size - IKE_HEADER_BYTES);
	uint8_t critical;

	return header->next_payload == PAYLOAD_NOTIFY &&
		chain_decode(header->next_payload, body, ret_chain, &critical) == WIRE_OK &&
		chain_well_formed(ret_chain);
}

bool qcd_presented(struct ike_sa *sa, const struct ike_header *header, struct bytes datagram)
{
	ike_time now = sa->engine->now;
	struct payload_chain chain;
	struct notify n;

	if (!clear_chain(header, datagram, &chain))
		return false;
	if (sa->qcd_token.size &&
		(!sa->token_seen_at || now - sa->token_seen_at >= TOKEN_INTERVAL_NS)) {
		sa->token_seen_at = now;
		if (token_matches(sa, &chain)) {
			sa_doom(sa, SA_END_PEER_GONE,
				"the peer has lost its state: it showed its token (QCD)");
			return true;
		}
	}
	if (chain_notify(&chain, INVALID_IKE_SPI, &n))
		hinted(sa);
	return false;
}

/* Never for an SA that stands or is being made, whatever a header makes of its SPIs: §9.2. */
void qcd_answer(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header)
{
	uint64_t spis[] = { header->spi_i, header->spi_r };
	uint8_t token[QCD_TOKEN_BYTES];
	struct notify notifies[] = { { .type = INVALID_IKE_SPI },
		{ .type = QUICK_CRASH_DETECTION, .protocol = PROTOCOL_IKE } };

	for (size_t i = 0; i < 2; i++)
		if (!spis[i] || table_find(e->by_spi, BYTES(&spis[i], sizeof(spis[i]))))
			return;
	if (!send_stray_allowed(e))
		return;
	if (!qcd_made(e)) {
		send_stray_response(e, path, header, notifies, 1);
		return;
	}
	token_make(e, header->spi_i, header->spi_r, token);
	notifies[1].data = BYTES_OF(token);
	send_stray_response(e, path, header, notifies, 2);
	bytes_wipe(token, sizeof(token));
}

/* ESP. */

static bool same_end(const struct ike_path *a, const struct ike_path *b)
{
	return address_equal(&a->remote.address, &b->remote.address) &&
		address_equal(&a->local.address, &b->local.address);
}

void invalid_spi_tell(struct ike_engine *e, const struct ike_path *path, uint32_t spi)
{
	struct ike_path to = *path;
	bool known = false;

	for (struct ike_sa *sa = e->sas; sa; sa = sa->next) {
		if (!sa->established_at || !same_end(&sa->path, path))
			continue;
		known = true;
		if (!sa_ending(sa)) {
			stray_packet(sa, spi);
			return;
		}
	}
	if (known)
		return; /* of a child that went a moment ago */
	if (!to.remote.port) {
		to.remote.port = IKE_PORT;
		to.local.port = e->options.port;
	}
	send_invalid_spi(e, &to, spi);
}

void invalid_spi_told(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	struct payload_chain chain;
	struct notify n;

	if (e->invalid_spi_at && e->now - e->invalid_spi_at < TOKEN_INTERVAL_NS)
		return;
	if (!clear_chain(header, datagram, &chain) || !chain_notify(&chain, INVALID_SPI, &n) ||
		n.data.size != 4)
		return;
	e->invalid_spi_at = e->now;
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next) {
		if (same_end(&sa->path, path) && child_by_spi_out(sa, load_u32(n.data.data))) {
			hinted(sa);
			return;
		}
	}
}
