#include "ike/v2/redirect.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/renew.h"

/* A client that doesn't delete the SA that only told it to go elsewhere. */
#define REDIRECTED_KEPT_NS (30 * NS_PER_SECOND)

static const struct payload_rule no_payloads[] = { { 0 } };
static const struct message_rule request = { "INFORMATIONAL request", no_payloads };
static const struct message_rule response = { "INFORMATIONAL response", no_payloads };

static void put_redirect(struct exchange *x, const struct gateway *g)
{
	uint8_t data[2 + GATEWAY_OCTETS_MAX];
	struct writer w = writer_of(data, sizeof(data));

	gateway_encode(&w, g, BYTES_EMPTY);
	exchange_notify(x, REDIRECT, writer_bytes(&w));
}

/* The gateway. */

void redirect_read_init(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct gateway from;
	struct bytes rest;
	struct notify n;

	if (x->initiator)
		return;
	sa->peer_redirects = chain_notify(exchange_in(x), REDIRECT_SUPPORTED, &n);
	if (!chain_notify(exchange_in(x), REDIRECTED_FROM, &n))
		return;
	sa->peer_redirects = true;
	if (gateway_decode(n.data, &from, &rest))
		gateway_address(&from, &sa->redirects.from);
}

/* To send a client back to where it comes from would begin a loop. */
static bool comes_from(const struct ike_sa *sa, const struct gateway *g)
{
	struct address a;

	return gateway_address(g, &a) && address_equal(&a, &sa->redirects.from);
}

static bool is_here(const struct ike_sa *sa, const struct gateway *g)
{
	struct address a;

	return gateway_address(g, &a) && address_equal(&a, &sa->path.local.address);
}

static bool elsewhere(const struct ike_sa *sa, const struct gateway *g)
{
	return g->type != GATEWAY_NONE && sa->peer_redirects && !comes_from(sa, g) &&
		!is_here(sa, g);
}

enum step redirect_new_client(struct exchange *x)
{
	const struct gateway *g = &x->engine->options.redirect_to;
	struct bytes nonce = octets_bytes(&x->sa->setup->peer_nonce);
	struct writer w;
	char text[GATEWAY_TEXT_MAX];

	if (!elsewhere(x->sa, g))
		return STEP_NEXT;
	w = writer_of(exchange_take(x, 2 + g->size + nonce.size), 2 + g->size + nonce.size);
	gateway_encode(&w, g, nonce);
	x->reject.more = writer_bytes(&w);
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "redirected the new peer to %s (redirect_to)",
		gateway_print(g, text));
	return exchange_reject(x, REDIRECT, "%s", "");
}

bool redirect_wanted(const struct exchange *x)
{
	return !x->initiator && elsewhere(x->sa, &x->sa->connection->redirect_to);
}

void redirect_put_auth(struct exchange *x)
{
	const struct gateway *g = &x->sa->connection->redirect_to;
	char text[GATEWAY_TEXT_MAX];

	if (!redirect_wanted(x))
		return;
	put_redirect(x, g);
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "redirected the peer to %s (redirect_to of %s)",
		gateway_print(g, text), sa_name(x->sa));
	intent_add(x->sa,
		&(struct intent){ .kind = INTENT_DELETE_IKE,
			.not_before = x->engine->now + REDIRECTED_KEPT_NS });
}

void redirect_command(struct ike_sa *sa, const struct ike_command *command)
{
	const char *why = NULL;

	if (sa->original_initiator)
		why = "we initiated this IKE SA: only the gateway that answered can redirect";
	else if (!sa->peer_redirects)
		why = "the peer does not support redirects (it sent no REDIRECT_SUPPORTED)";
	else if (!sa->redirect_to)
		sa->redirect_to = malloc(sizeof(*sa->redirect_to));
	if (!why && !sa->redirect_to)
		why = "out of memory";
	if (why) {
		command_done(sa->engine, command->id, false, 0, why);
		return;
	}
	*sa->redirect_to = *command->gateway;
	intent_add(sa, &(struct intent){ .kind = INTENT_REDIRECT, .command = command->id });
}

static enum step build(struct exchange *x)
{
	char text[GATEWAY_TEXT_MAX];

	if (!x->sa->redirect_to)
		return STEP_END;
	put_redirect(x, x->sa->redirect_to);
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "redirects the peer to %s",
		gateway_print(x->sa->redirect_to, text));
	return STEP_NEXT;
}

/* RFC 5685 §5: the client deletes what it has here; we wait as long as is configured. */
static void told(struct exchange *x)
{
	uint64_t kept = x->engine->options.redirected_kept_ns;

	if (kept)
		intent_add(x->sa,
			&(struct intent){
				.kind = INTENT_DELETE_IKE, .not_before = x->engine->now + kept });
	command_done(x->engine, x->intent->command, true, 1, "");
}

static void untold(struct exchange *x, const char *why)
{
	command_done(x->engine, x->intent->command, false, 0, why);
}

static step_fn *const begins[] = { build, NULL };
static step_fn *const no_steps[] = { NULL };
static const struct round rounds[] = { { NULL, begins, &request }, { &response, no_steps, NULL } };

const struct exchange_kind redirect_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = rounds,
	.round_count = 2,
	.finished = told,
	.failed = untold,
};

/* The client. */

static bool follows(const struct ike_sa *sa)
{
	return sa->original_initiator && sa->engine->options.follow_redirects &&
		sa->connection->follow_redirects;
}

void redirect_put_init(struct exchange *x)
{
	const struct address *from = &x->sa->redirects.from;
	uint8_t data[2 + 16];
	struct writer w = writer_of(data, sizeof(data));
	struct gateway g;

	if (!x->initiator || !follows(x->sa))
		return;
	if (x->sa->setup->gateway.type == GATEWAY_NONE) {
		exchange_notify(x, REDIRECT_SUPPORTED, BYTES_EMPTY);
		return;
	}
	g = gateway_of_address(from);
	gateway_encode(&w, &g, BYTES_EMPTY);
	exchange_notify(x, REDIRECTED_FROM, writer_bytes(&w));
}

void redirect_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	sa->redirects = old->redirects;
	sa->peer_redirects = old->peer_redirects;
}

void redirect_toward(struct ike_sa *sa, const struct ike_sa *old, const struct gateway *g)
{
	struct redirects *r = &sa->redirects;

	*r = old->redirects;
	r->at[r->count++ % REDIRECTS_KEPT] = sa->engine->now;
	r->from = old->path.remote.address;
	sa->setup->gateway = *g;
	sa->path_known = false;
}

/* §7: at most so many within a time; what is older doesn't count. */
static bool too_often(const struct ike_sa *sa)
{
	const struct ike_options *o = &sa->engine->options;
	const struct redirects *r = &sa->redirects;
	uint32_t recent = 0, known = r->count < REDIRECTS_KEPT ? r->count : REDIRECTS_KEPT;

	for (uint32_t i = 0; i < known; i++)
		recent += sa->engine->now - r->at[i] < o->redirect_period_ns;
	return recent >= (o->redirects_max < REDIRECTS_KEPT ? o->redirects_max : REDIRECTS_KEPT);
}

/* Whether a REDIRECT that came is to be followed; says why where not. */
static bool follow(const struct exchange *x, struct bytes data, bool with_nonce, struct gateway *g)
{
	struct ike_sa *sa = x->sa;
	char text[GATEWAY_TEXT_MAX];
	struct bytes nonce;

	if (!follows(sa) || !gateway_decode(data, g, &nonce))
		return false;
	if (with_nonce ? !bytes_equal(nonce, octets_bytes(&sa->setup->our_nonce)) : nonce.size > 0)
		return false;
	if (too_often(sa)) {
		sa_tell(sa, IKE_EVENT_FAILED, 0,
			"not redirected to %s: %u redirects within %llu s are a loop, or a trick",
			gateway_print(g, text), sa->engine->options.redirects_max,
			(unsigned long long)(sa->engine->options.redirect_period_ns /
				NS_PER_SECOND));
		return false;
	}
	sa_tell(sa, IKE_EVENT_NOTE, 0, "redirected to %s", gateway_print(g, text));
	return true;
}

enum step redirect_read_response(struct exchange *x, struct bytes data)
{
	struct gateway g;

	if (!follow(x, data, true, &g))
		return STEP_DROP; /* forged, or not for us: go on waiting */
	window_request_answered(x->sa);
	x->sa->redirected = renew_redirected(x->sa, x->sa->setup->child, &g);
	return exchange_reject(x, 0, "%s", x->sa->redirected ? "" : "out of memory");
}

void redirect_read_auth(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct gateway g;
	struct notify n;

	if (!x->initiator || !chain_notify(exchange_in(x), REDIRECT, &n) ||
		!follow(x, n.data, false, &g))
		return;
	sa->redirect_to = malloc(sizeof(*sa->redirect_to));
	if (sa->redirect_to)
		*sa->redirect_to = g;
}

bool redirect_after_auth(struct ike_sa *sa, const struct child_config *child)
{
	if (!sa->redirect_to || !sa->original_initiator)
		return false;
	sa->redirected = renew_redirected(sa, child, sa->redirect_to);
	return sa->redirected;
}

void redirect_read(struct exchange *x)
{
	struct renew_order order = { .word = "redirected" };
	struct gateway g;
	struct notify n;

	if (!chain_notify(exchange_in(x), REDIRECT, &n) || !follow(x, n.data, false, &g))
		return;
	order.gateway = &g;
	if (!renew_begin(x->sa, &order))
		sa_tell(x->sa, IKE_EVENT_NOTE, 1,
			"not followed: the IKE SA is being set up anew or deleted already");
}
