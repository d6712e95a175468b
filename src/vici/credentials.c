/* Credentials over VICI. Data goes to the holder of credentials as it came and is wiped with the message; no answer
 * repeats it. */
#include "vici/internal.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

static struct bytes data_of(const struct tree_node *request)
{
	const struct tree_node *data = tree_child(request, "data");

	return data && data->kind == TREE_VALUE ? data->value : BYTES_EMPTY;
}

static void changed(struct vici *v)
{
	v->host.credentials_changed(v->host.context);
}

static void reply_result(struct vici_session *s, int r, const char *problem)
{
	if (r && r != -EEXIST)
		vici_reply_fail(s, "%s", *problem ? problem : strerror(-r));
	else
		vici_reply_ok(s);
}

static void command_load_cert(struct vici_session *s, const struct tree_node *request)
{
	const char *type = tree_text(request, "type"), *flag = tree_text(request, "flag");
	enum keys_cert_kind kind = KEYS_CERT_END_ENTITY;
	char problem[VICI_ERROR_MAX] = "";
	int r;

	if (!type || (strcasecmp(type, "X509") != 0 && strcasecmp(type, "PUBKEY") != 0)) {
		vici_reply_fail(s,
			"certificates of type '%s' are not supported: X509 and PUBKEY are",
			type ? type : "");
		return;
	}
	if (strcasecmp(type, "PUBKEY") == 0) {
		kind = KEYS_PUBLIC_KEY;
	} else if (flag && strcasecmp(flag, "CA") == 0) {
		kind = KEYS_CERT_CA;
	} else if (flag && strcasecmp(flag, "NONE") != 0) {
		vici_reply_fail(
			s, "certificates with flag '%s' are not supported: NONE and CA are", flag);
		return;
	}
	r = keys_load_cert(
		s->vici->host.keys, kind, data_of(request), "vici", problem, sizeof(problem));
	changed(s->vici);
	reply_result(s, r, problem);
}

static void command_load_key(struct vici_session *s, const struct tree_node *request)
{
	char id[41] = "", problem[VICI_ERROR_MAX] = "";
	struct vici_buffer b;
	int r = keys_load_key(
		s->vici->host.keys, data_of(request), NULL, "vici", id, problem, sizeof(problem));

	if (r && r != -EEXIST) {
		reply_result(s, r, problem);
		return;
	}
	vici_reply_begin(&b);
	vici_bool(&b, "success", true);
	vici_text(&b, "id", id);
	vici_reply(s, &b);
}

static void command_unload_key(struct vici_session *s, const struct tree_node *request)
{
	const char *id = tree_text(request, "id");

	if (!id)
		vici_reply_fail(s, "unload-key: id is missing");
	else if (keys_unload_key(s->vici->host.keys, id) != 0)
		vici_reply_fail(s, "no key with id %s is loaded", id);
	else
		vici_reply_ok(s);
}

/* Shared secrets. */

static int shared_kind(const char *type, enum keys_shared_kind *ret_kind)
{
	static const struct {
		const char *name;
		enum keys_shared_kind kind;
	} kinds[] = {
		{ "IKE", KEYS_SHARED_IKE },
		{ "EAP", KEYS_SHARED_EAP },
		{ "XAUTH", KEYS_SHARED_XAUTH },
		{ "NTLM", KEYS_SHARED_NTLM },
		{ "PPK", KEYS_SHARED_PPK },
	};

	for (size_t i = 0; type && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcasecmp(type, kinds[i].name) == 0) {
			*ret_kind = kinds[i].kind;
			return 0;
		}
	}
	return -EINVAL;
}

#define OWNERS_MAX 256

/* Returns how many, or -EINVAL: too many, or one with a NUL (it would be cut, and be someone else's). */
static int read_owners(const struct tree_node *request, const char *owners[static OWNERS_MAX])
{
	const struct tree_node *list = tree_child(request, "owners");
	size_t count = 0;

	if (list && list->kind != TREE_LIST)
		return -EINVAL;
	for (const struct tree_node *n = list ? list->first : NULL; n; n = n->next) {
		if (count == OWNERS_MAX || !n->value.size ||
			memchr(n->value.data, 0, n->value.size))
			return -EINVAL;
		owners[count++] = (const char *)n->value.data;
	}
	return (int)count;
}

static void command_load_shared(struct vici_session *s, const struct tree_node *request)
{
	const char *id = tree_text(request, "id"), *type = tree_text(request, "type");
	const char *owners[OWNERS_MAX];
	enum keys_shared_kind kind;
	int count = read_owners(request, owners), r;

	if (shared_kind(type, &kind) != 0) {
		vici_reply_fail(s,
			"secrets of type '%s' are not supported: IKE, EAP, XAUTH, NTLM "
			"and PPK are",
			type ? type : "");
		return;
	}
	if (count < 0) {
		vici_reply_fail(s, "owners: a list of at most %d identities", OWNERS_MAX);
		return;
	}
	if (!data_of(request).size) {
		vici_reply_fail(s, "the secret is empty");
		return;
	}
	r = keys_load_shared(s->vici->host.keys, id ? id : "", kind, data_of(request), owners,
		(size_t)count, "vici");
	if (r == -EINVAL)
		vici_reply_fail(s, "secret '%s': an owner is not an identity", id ? id : "");
	else
		reply_result(s, r, "");
}

static void command_unload_shared(struct vici_session *s, const struct tree_node *request)
{
	const char *id = tree_text(request, "id");

	if (!id)
		vici_reply_fail(s, "unload-shared: id is missing");
	else if (keys_unload_shared(s->vici->host.keys, id) != 0)
		vici_reply_fail(s, "no secret with id %s is loaded", id);
	else
		vici_reply_ok(s);
}

static void command_clear_creds(struct vici_session *s, const struct tree_node *request)
{
	(void)request;
	keys_clear(s->vici->host.keys);
	vici_authorities_clear(s->vici);
	changed(s->vici);
	vici_reply_ok(s);
}

static void command_flush_certs(struct vici_session *s, const struct tree_node *request)
{
	(void)request;
	keys_flush_certs(s->vici->host.keys);
	vici_reply_ok(s);
}

static void command_load_token(struct vici_session *s, const struct tree_node *request)
{
	(void)request;
	vici_reply_fail(s, "keys on tokens are not supported");
}

/* Lists. */

static bool add_key(void *context, const char *id, const char *type)
{
	(void)type;
	vici_item_text(context, id);
	return true;
}

static bool add_shared(void *context, const char *id)
{
	if (id && *id)
		vici_item_text(context, id);
	return true;
}

static void command_get_keys(struct vici_session *s, const struct tree_node *request)
{
	struct vici_buffer b;

	(void)request;
	vici_reply_begin(&b);
	vici_list(&b, "keys");
	keys_each_key(s->vici->host.keys, add_key, &b);
	vici_list_end(&b);
	vici_reply(s, &b);
}

static void command_get_shared(struct vici_session *s, const struct tree_node *request)
{
	struct vici_buffer b;

	(void)request;
	vici_reply_begin(&b);
	vici_list(&b, "keys");
	keys_each_shared(s->vici->host.keys, add_shared, &b);
	vici_list_end(&b);
	vici_reply(s, &b);
}

struct cert_list {
	struct vici_session *session;
	const char *type, *flag, *subject; /* NULL: any */
};

static bool says(const char *wanted, const char *is)
{
	return !wanted || strcasecmp(wanted, "ANY") == 0 || strcasecmp(wanted, is) == 0;
}

static bool list_cert(void *context, const struct keys_cert_view *view)
{
	const struct cert_list *l = context;
	const char *type = view->kind == KEYS_PUBLIC_KEY ? "PUBKEY" : "X509";
	const char *flag = view->kind == KEYS_CERT_CA ? "CA" : "NONE";
	struct vici_buffer b;

	if (!says(l->type, type) || !says(l->flag, flag) ||
		(l->subject && (!view->subject || strcmp(l->subject, view->subject) != 0)))
		return true;
	vici_event_begin(&b, VICI_EVENT_LIST_CERT);
	vici_text(&b, "type", type);
	vici_text(&b, "flag", flag);
	if (view->has_private_key)
		vici_bool(&b, "has_privkey", true);
	vici_bytes(&b, "data", view->der);
	if (view->kind == KEYS_PUBLIC_KEY && view->subject && *view->subject)
		vici_text(&b, "subject", view->subject);
	vici_emit(l->session, VICI_EVENT_LIST_CERT, &b);
	return true;
}

static void command_list_certs(struct vici_session *s, const struct tree_node *request)
{
	struct cert_list l = { s, tree_text(request, "type"), tree_text(request, "flag"),
		tree_text(request, "subject") };

	keys_each_cert(s->vici->host.keys, list_cert, &l);
	vici_reply_empty(s);
}

const struct vici_command vici_commands_credentials[] = {
	{ "load-cert", command_load_cert },
	{ "load-key", command_load_key },
	{ "unload-key", command_unload_key },
	{ "load-token", command_load_token },
	{ "load-shared", command_load_shared },
	{ "unload-shared", command_unload_shared },
	{ "clear-creds", command_clear_creds },
	{ "flush-certs", command_flush_certs },
	{ "get-keys", command_get_keys },
	{ "get-shared", command_get_shared },
	{ "list-certs", command_list_certs },
	{ NULL, NULL },
};
