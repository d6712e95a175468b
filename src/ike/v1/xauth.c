/* XAUTH, draft-beaulieu-ike-xauth-02: the server asks for user and password once phase 1 stands
 * (REQUEST, REPLY), then says whether they were right (SET with a status, ACK). Only then there may be
 * an address and children. What is asked for is in the key holder's secrets, at either end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/unique.h"
#include "ike/v1/transaction.h"
#include "ike/v2/auth.h"

#define USER_BYTES_MAX   256
#define LOGINS_ANSWERED  3 /* a server may ask again, but our password stays the same */
#define USER_TEXT_MAX    100
#define MESSAGE_TEXT_MAX 300

enum v1_xauth_role v1_xauth_role(const struct ike_sa *sa)
{
	switch (sa->v1->transform.method) {
	case V1_METHOD_XAUTH_INIT_PSK:
	case V1_METHOD_XAUTH_INIT_RSA:
	case V1_METHOD_HYBRID_INIT_RSA: /* the initiator is who answers */
		return sa->initiator ? V1_XAUTH_CLIENT : V1_XAUTH_SERVER;
	case V1_METHOD_XAUTH_RESP_PSK:
	case V1_METHOD_XAUTH_RESP_RSA:
	case V1_METHOD_HYBRID_RESP_RSA:
		return sa->initiator ? V1_XAUTH_SERVER : V1_XAUTH_CLIENT;
	default:
		return V1_XAUTH_NONE;
	}
}

static struct where round_where(const struct auth_round *r)
{
	return where_said(r->where_auth, r->where);
}

/* A user is no identity with a type; it is shown and leased to as a name or a mail address. */
static struct id_payload user_id(struct bytes user)
{
	return (struct id_payload){
		user.size && memchr(user.data, '@', user.size) ? ID_RFC822_ADDR : ID_FQDN, user
	};
}

/* As server. */

static enum step ask(struct exchange *x)
{
	struct writer *w = v1_attributes_put(x, V1_CFG_REQUEST);

	v1_attribute_encode_bytes(w, V1_XAUTH_USER_NAME, BYTES_EMPTY);
	v1_attribute_encode_bytes(w, V1_XAUTH_USER_PASSWORD, BYTES_EMPTY);
	exchange_payload_end(x);
	return STEP_NEXT;
}

static bool is_plain(struct bytes user)
{
	for (size_t i = 0; i < user.size; i++)
		if (user.data[i] < 0x20 || user.data[i] == 0x7f)
			return false;

	return user.size > 0 && user.size <= USER_BYTES_MAX;
}

static enum step read_login(struct exchange *x)
{
	struct v1_transaction_data *d = x->data;
	struct v1_attributes in;
	struct v1_attribute a;

	if (!v1_attributes_in(x, &in) || in.type != V1_CFG_REPLY)
		return exchange_reject(x, INVALID_SYNTAX, "the answer to XAUTH is none");
	while (v1_attribute_next(&in.r, &a) > 0) {
		if (a.type == V1_XAUTH_USER_NAME)
			d->user = a.value;
		else if (a.type == V1_XAUTH_USER_PASSWORD || a.type == V1_XAUTH_PASSCODE)
			d->password = a.value;
		else if (a.type == V1_XAUTH_STATUS)
			d->refused = true; /* it has nothing to say */
	}
	return STEP_NEXT;
}

/* What is wrong before anybody looks at the password; NULL: nothing. */
static const char *objection(const struct exchange *x)
{
	const struct v1_transaction_data *d = x->data;
	const struct connection *c = x->sa->connection;
	const struct auth_round *round = connection_xauth(c, false);
	struct id_payload id = user_id(d->user);

	if (!is_plain(d->user) || !d->password.size)
		return "the peer gave no user and password";
	if (c->remote_count > 1 && !conf_id_match(&round->id, &id))
		return "the user is not the one that the connection is for";
	return NULL;
}

static enum step turned_away(struct exchange *x, const char *reason)
{
	const struct v1_transaction_data *d = x->data;
	struct where where = round_where(connection_xauth(x->sa->connection, false));
	char user[USER_TEXT_MAX];

	x->sa->v1->let_in = false;
	sa_tell(x->sa, IKE_EVENT_FAILED, 0,
		"XAUTH of user '%s' failed for connection %s (%s:%u): %s",
		v1_text_print(d->user, user, sizeof(user)), sa_name(x->sa), where.file, where.line,
		reason);
	return STEP_NEXT;
}

static enum step let_in(struct exchange *x, const struct ike_answer *answer)
{
	const struct v1_transaction_data *d = x->data;
	struct ike_sa *sa = x->sa;
	struct id_payload id = user_id(d->user);

	auth_set_id(&sa->remote_user, &id);
	if (!unique_admit(x, sa->v1->initial_contact))
		return turned_away(x, x->reject.text);
	sa->v1->let_in = true;
	sa_tell(sa, IKE_EVENT_NOTE, 1, "authenticated the peer by XAUTH: %s",
		answer->credential ? answer->credential : "its password");
	return STEP_NEXT;
}

static enum step verify(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	const struct v1_transaction_data *d = x->data;
	const char *why = answer ? NULL : objection(x);

	if (why)
		return turned_away(x, why);
	if (answer)
		return answer->status == IKE_ANSWER_OK ? let_in(x, answer)
						       : turned_away(x, answer->reason);
	return exchange_ask(x,
		&(struct ike_question){ .kind = IKE_ASK_XAUTH_VERIFY,
			.connection = x->sa->connection,
			.round = x->sa->connection->remote_count - 1,
			.user = d->user,
			.password = d->password });
}

static void begin(struct ike_sa *sa, const struct exchange_kind *kind, struct intent *intent)
{
	struct exchange *x = exchange_begin(sa, kind, intent);

	if (x)
		exchange_start(x);
	else
		sa_doom(sa, SA_END_FAILED, "out of memory");
}

/* Who was turned away hears that we are through with it. */
static void turn_away(struct ike_sa *sa)
{
	struct intent *delete = malloc(sizeof(*delete));

	if (!delete) {
		sa_doom(sa, SA_END_FAILED, "XAUTH failed");
		return;
	}
	*delete = (struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED };
	begin(sa, &v1_delete_ike, delete);
}

/* A peer that gave up itself needs no status. */
static void verified(struct exchange *x)
{
	const struct v1_transaction_data *d = x->data;

	if (d->refused)
		turn_away(x->sa);
	else
		begin(x->sa, &v1_xauth_status, NULL);
}

static enum step put_status(struct exchange *x)
{
	struct writer *w = v1_attributes_put(x, V1_CFG_SET);

	v1_attribute_encode_u16(w, V1_XAUTH_STATUS, x->sa->v1->let_in);
	exchange_payload_end(x);
	return STEP_NEXT;
}

static enum step read_ack(struct exchange *x)
{
	return v1_acknowledged(x, "the answer to XAUTH's status is no acknowledgement");
}

static void said(struct exchange *x)
{
	if (!x->sa->v1->let_in) {
		turn_away(x->sa);
		return;
	}
	x->sa->v1->xauth_over = true;
	v1_setup_next(x);
}

static step_fn *const asks[] = { ask, NULL };
static step_fn *const verifies[] = { read_login, verify, NULL };
static const struct round request_rounds[] = {
	{ NULL, asks, &v1_transaction_message },
	{ &v1_transaction_message, verifies, NULL },
};

const struct exchange_kind v1_xauth_request = {
	.name = "XAUTH",
	.type = V1_TRANSACTION,
	.rounds = request_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_transaction_data),
	.failed = v1_transaction_failed,
	.finished = verified,
};

static step_fn *const tells[] = { put_status, NULL };
static step_fn *const hears[] = { read_ack, NULL };
static const struct round status_rounds[] = {
	{ NULL, tells, &v1_transaction_message },
	{ &v1_transaction_message, hears, NULL },
};

const struct exchange_kind v1_xauth_status = {
	.name = "XAUTH",
	.type = V1_TRANSACTION,
	.rounds = status_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_transaction_data),
	.failed = v1_transaction_failed,
	.finished = said,
};

/* As client. */

static void fail(struct exchange *x, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The SA ends with the answer. */
static void fail(struct exchange *x, const char *format, ...)
{
	struct v1_transaction_data *d = x->data;
	char *why = x->sa->v1->trouble;
	va_list args;

	va_start(args, format);
	vsnprintf(why, V1_TROUBLE_MAX, format, args);
	va_end(args);
	sa_tell(x->sa, IKE_EVENT_FAILED, 0, "%s", why);
	d->refused = true;
}

/* An answer may say that there is none. */
static enum step decline(struct exchange *x)
{
	v1_attribute_encode_u16(v1_attributes_put(x, V1_CFG_REPLY), V1_XAUTH_STATUS, 0);
	exchange_payload_end(x);
	return STEP_NEXT;
}

/* What we can't answer: other types than a name and a password, and challenges. NULL: nothing. */
static const char *beyond_us(struct exchange *x)
{
	struct v1_attributes in;
	struct v1_attribute a;
	uint64_t type;
	char text[MESSAGE_TEXT_MAX];

	v1_attributes_in(x, &in);
	while (v1_attribute_next(&in.r, &a) > 0) {
		if (a.type == V1_XAUTH_MESSAGE && a.value.size)
			sa_tell(x->sa, IKE_EVENT_NOTE, 1, "the peer asks for user and password: %s",
				v1_text_print(a.value, text, sizeof(text)));
		if (a.type == V1_XAUTH_TYPE && v1_attribute_number(&a, &type) && type)
			return "another kind of XAUTH than user and password";
		if (a.type == V1_XAUTH_CHALLENGE || a.type == V1_XAUTH_ANSWER ||
			a.type == V1_XAUTH_NEXT_PIN)
			return "the answer to a challenge";
	}
	return NULL;
}

/* As the configuration has it, or our identity as text. */
static const char *our_user(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	const struct auth_round *round = connection_xauth(c, true);
	struct id_payload id = ike_id_payload(&x->sa->local_id);

	if (round->xauth_id)
		return round->xauth_id;
	if (round->id.type)
		return round->id.text;
	if (c->local[0].id.type)
		return c->local[0].id.text;
	return id_print(&id, exchange_take(x, USER_BYTES_MAX), USER_BYTES_MAX);
}

static void put_login(struct exchange *x, struct bytes user, struct bytes password)
{
	struct writer *w = v1_attributes_put(x, V1_CFG_REPLY);
	struct v1_attributes in;
	struct v1_attribute a;

	v1_attributes_in(x, &in);
	while (v1_attribute_next(&in.r, &a) > 0) {
		if (a.type == V1_XAUTH_TYPE)
			v1_attribute_encode_u16(w, V1_XAUTH_TYPE, 0);
		else if (a.type == V1_XAUTH_USER_NAME)
			v1_attribute_encode_bytes(w, a.type, user);
		else if (a.type == V1_XAUTH_USER_PASSWORD || a.type == V1_XAUTH_PASSCODE)
			v1_attribute_encode_bytes(w, a.type, password);
		else if (a.type == V1_XAUTH_DOMAIN)
			v1_attribute_encode_bytes(w, a.type, BYTES_EMPTY);
	}
	exchange_payload_end(x);
}

enum step v1_xauth_answer(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct ike_sa *sa = x->sa;
	const struct connection *c = sa->connection;
	const char *beyond = answer ? NULL : beyond_us(x);
	struct ike_question q = { .kind = IKE_ASK_XAUTH_CREDENTIALS, .connection = c };

	if (v1_xauth_role(sa) != V1_XAUTH_CLIENT) {
		fail(x, "the peer asks for user and password (XAUTH), which connection %s has not: add a round with auth = xauth to it (%s:%u)",
			c->name, c->where.file, c->where.line);
		return decline(x);
	}
	if (beyond) {
		fail(x, "the peer asks for %s, which tern doesn't have", beyond);
		return decline(x);
	}
	q.round = c->local_count - 1;
	q.user = bytes_of_text(our_user(x));
	if (!answer && sa->v1->logins++ < LOGINS_ANSWERED)
		return exchange_ask(x, &q);
	if (!answer || answer->status != IKE_ANSWER_OK) {
		fail(x, "we can't authenticate ourselves by XAUTH: %s",
			answer ? answer->reason : "the peer asks again and again");
		return decline(x);
	}
	put_login(x, q.user, answer->secret);
	return STEP_NEXT;
}

enum step v1_xauth_take_status(struct exchange *x)
{
	struct v1_transaction_data *d = x->data;
	struct ike_sa *sa = x->sa;
	struct v1_attributes in;
	struct v1_attribute a;
	uint64_t status = 1;
	struct where where;

	v1_attributes_in(x, &in);
	while (v1_attribute_next(&in.r, &a) > 0)
		if (a.type == V1_XAUTH_STATUS && !v1_attribute_number(&a, &status))
			status = 0;
	v1_attribute_encode_bytes(v1_attributes_put(x, V1_CFG_ACK), V1_XAUTH_STATUS, BYTES_EMPTY);
	exchange_payload_end(x);
	if (v1_xauth_role(sa) != V1_XAUTH_CLIENT || sa->established_at)
		return STEP_NEXT;
	if (status == 1) {
		sa_tell(sa, IKE_EVENT_NOTE, 1, "the peer let us in by XAUTH");
		d->goes_on = sa->v1->xauth_over = true;
		return STEP_NEXT;
	}
	where = round_where(connection_xauth(sa->connection, true));
	fail(x, "the peer refused our user and password (XAUTH): compare them with what it has (user '%.80s', %s:%u)",
		our_user(x), where.file, where.line);
	return STEP_NEXT;
}
