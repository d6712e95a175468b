/* Mode config, draft-dukes-ike-mode-cfg-02: virtual addresses and what goes with them. The client asks
 * (pull: REQUEST, REPLY), or the gateway gives unasked (push: SET, ACK). Leases and what they mean are
 * IKEv2's; only Unity's attributes are Cisco's and IKEv1's. */
#include <stdio.h>

#include "ike/v1/transaction.h"

/* With both, who begins the SA is the client. */
bool v1_config_is_client(const struct ike_sa *sa)
{
	const struct connection *c = sa->connection;

	return c->vip_count && (!c->pool_count || sa->initiator);
}

bool v1_config_gives(const struct ike_sa *sa)
{
	return sa->connection->pool_count && !v1_config_is_client(sa);
}

/* As client. */

/* False where it is nothing that we take. */
static bool take(struct ike_sa *sa, const struct v1_attribute *a)
{
	return v1_unity_take(sa, a) || vips_take(sa, &(struct cp_attribute){ a->type, a->value });
}

static enum step request(struct exchange *x)
{
	static const uint16_t unity[] = { UNITY_BANNER, UNITY_DEF_DOMAIN, UNITY_SPLITDNS_NAME,
		UNITY_SPLIT_INCLUDE, UNITY_LOCAL_LAN };
	struct writer *w = v1_attributes_put(x, V1_CFG_REQUEST);

	vips_put_request(x->sa, w);
	for (size_t i = 0; i < sizeof(unity) / sizeof(unity[0]) && x->engine->options.cisco_unity;
		i++)
		v1_attribute_encode_bytes(w, unity[i], BYTES_EMPTY);
	exchange_payload_end(x);
	return STEP_NEXT;
}

static enum step read_reply(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct v1_attributes in;
	struct v1_attribute a;

	if (!v1_attributes_in(x, &in) || in.type != V1_CFG_REPLY || !vips_of(sa))
		return exchange_reject(x, INVALID_SYNTAX, "the answer to mode config is none");
	while (v1_attribute_next(&in.r, &a) > 0)
		take(sa, &a);
	vips_taken(sa);
	return STEP_NEXT;
}

static void config_over(struct exchange *x)
{
	x->sa->v1->config_over = true;
	v1_setup_next(x);
}

static step_fn *const requests[] = { request, NULL };
static step_fn *const takes[] = { read_reply, NULL };
static const struct round request_rounds[] = {
	{ NULL, requests, &v1_transaction_message },
	{ &v1_transaction_message, takes, NULL },
};

const struct exchange_kind v1_config_request = {
	.name = "mode config",
	.type = V1_TRANSACTION,
	.rounds = request_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_transaction_data),
	.failed = v1_transaction_failed,
	.finished = config_over,
};

/* A gateway pushes. What we took is named in the acknowledgement; later on, nothing is. */
enum step v1_config_take(struct exchange *x)
{
	struct v1_transaction_data *d = x->data;
	struct ike_sa *sa = x->sa;
	struct writer *w = v1_attributes_put(x, V1_CFG_ACK);
	bool now = v1_config_is_client(sa) && !sa->established_at && !sa->ours &&
		!sa->v1->config_over && vips_of(sa);
	struct v1_attributes in;
	struct v1_attribute a;

	v1_attributes_in(x, &in);
	while (now && v1_attribute_next(&in.r, &a) > 0)
		if (take(sa, &a))
			v1_attribute_encode_bytes(w, a.type, BYTES_EMPTY);
	exchange_payload_end(x);
	if (!now)
		return STEP_NEXT;
	vips_taken(sa);
	sa->v1->config_over = d->goes_on = true;
	return STEP_NEXT;
}

/* As gateway. */

/* Nothing is free: the peer gets none, and no child. */
static void tell_exhausted(struct exchange *x)
{
	if (vips_refused(x))
		sa_tell(x->sa, IKE_EVENT_FAILED, 0, "%s", x->reject.text);
}

enum step v1_config_give(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct v1_attributes in;
	struct v1_attribute a;
	struct writer *w;

	if (v1_config_gives(sa) && sa->vips) {
		sa->vips->asked_count = 0;
		v1_attributes_in(x, &in);
		while (v1_attribute_next(&in.r, &a) > 0)
			vips_asked(sa, &(struct cp_attribute){ a.type, a.value });
		tell_exhausted(x);
	}
	w = v1_attributes_put(x, V1_CFG_REPLY);
	if (v1_config_gives(sa) && sa->vips)
		vips_put_reply(sa, w);
	exchange_payload_end(x);
	return STEP_NEXT;
}

static enum step give_unasked(struct exchange *x)
{
	static const uint16_t types[] = { INTERNAL_IP4_ADDRESS, INTERNAL_IP6_ADDRESS };
	struct ike_sa *sa = x->sa;
	struct writer *w;

	if (!sa->vips)
		return exchange_reject(x, 0, "out of memory");
	for (size_t i = 0; i < 2; i++)
		vips_asked(sa, &(struct cp_attribute){ types[i], BYTES_EMPTY });
	tell_exhausted(x);
	w = v1_attributes_put(x, V1_CFG_SET);
	vips_put_reply(sa, w);
	exchange_payload_end(x);
	return STEP_NEXT;
}

static enum step read_ack(struct exchange *x)
{
	return v1_acknowledged(x, "the answer to what we gave is no acknowledgement");
}

static step_fn *const gives[] = { give_unasked, NULL };
static step_fn *const hears[] = { read_ack, NULL };
static const struct round set_rounds[] = {
	{ NULL, gives, &v1_transaction_message },
	{ &v1_transaction_message, hears, NULL },
};

const struct exchange_kind v1_config_set = {
	.name = "mode config",
	.type = V1_TRANSACTION,
	.rounds = set_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_transaction_data),
	.failed = v1_transaction_failed,
	.finished = config_over,
};
