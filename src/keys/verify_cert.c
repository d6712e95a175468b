/* Certificates of peers. One counts where it speaks for the identity and leads to a trust anchor, or was itself named by
 * the administrator; a round that names certificates or CAs takes no others. RFC 4945, RFC 5280 §6. */
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

/* What one question needs: `anchors` and `untrusted` borrow from the store and from what was decoded for it. */
struct path {
	size_t anchor_count, untrusted_count, decoded_count, decoded_room;
	struct certificate **anchors, **untrusted, **decoded;
};

static bool path_open(const struct task *t, struct path *path)
{
	size_t stored = t->keys->certs.count;
	size_t room = t->round->cacert_count + IKE_CERTS_MAX;

	*path = (struct path){
		.anchors = calloc(stored + room + 1, sizeof(struct certificate *)),
		.untrusted = calloc(stored + room, sizeof(struct certificate *)),
		.decoded = calloc(room, sizeof(struct certificate *)),
		.decoded_room = room,
	};
	return path->anchors && path->untrusted && path->decoded;
}

static void path_close(struct path *path)
{
	for (size_t i = 0; i < path->decoded_count; i++)
		certificate_free(path->decoded[i]);
	free(path->anchors);
	free(path->untrusted);
	free(path->decoded);
}

static struct certificate *path_decode(struct task *t, struct path *path, struct bytes data)
{
	struct certificate *cert;

	if (path->decoded_count == path->decoded_room ||
		certificate_load(t->crypto, data, &cert) < 0)
		return NULL;

	path->decoded[path->decoded_count++] = cert;
	return cert;
}

/* Where the round names CAs, those alone are anchors, and the others may stand in between. */
static void path_add_anchors(struct task *t, struct path *path)
{
	for (size_t i = 0; i < t->round->cacert_count; i++) {
		struct certificate *cert = path_decode(t, path, t->round->cacerts[i]);

		if (cert)
			path->anchors[path->anchor_count++] = cert;
	}
	for (size_t i = 0; i < t->keys->certs.count; i++) {
		const struct cert_entry *entry = cert_at(t->keys, i);

		if (entry->kind == KEYS_CERT_CA && !t->round->cacert_count)
			path->anchors[path->anchor_count++] = entry->cert;
		else if (entry->cert && certificate_is_ca(entry->cert))
			path->untrusted[path->untrusted_count++] = entry->cert;
	}
}

/* The first certificate is the peer's own and is returned (RFC 7296 §3.6), the others may stand in between. */
static struct certificate *path_add_received(struct task *t, struct path *path)
{
	const struct ike_question *q = t->question;
	struct certificate *end = NULL;
	bool first = true;

	for (size_t i = 0; i < q->cert_count; i++) {
		struct certificate *cert;

		if (q->certs[i].encoding != CERT_X509_SIGNATURE)
			continue;
		cert = path_decode(t, path, q->certs[i].data);
		if (first)
			end = cert;
		else if (cert)
			path->untrusted[path->untrusted_count++] = cert;
		if (first && !cert)
			task_no(t,
				"the certificate that '%s' sent can't be decoded, or its key is of "
				"no kind that is supported",
				t->remote);
		first = false;
	}
	return end;
}

static bool round_names(const struct auth_round *round, const struct certificate *cert)
{
	for (size_t i = 0; i < round->cert_count; i++) {
		if (bytes_equal(round->certs[i], certificate_der(cert)))
			return true;
	}
	return false;
}

/* What the administrator put into x509/, or named as the peer's, needs no CA; unless the round names CAs. */
static bool pinned(const struct task *t, const struct certificate *cert)
{
	if (t->round->cacert_count)
		return false;
	if (round_names(t->round, cert))
		return true;

	for (size_t i = 0; i < t->keys->certs.count; i++) {
		const struct cert_entry *entry = cert_at(t->keys, i);

		if (entry->kind == KEYS_CERT_END_ENTITY &&
			bytes_equal(certificate_der(entry->cert), certificate_der(cert)))
			return true;
	}
	return false;
}

static void path_refused(struct task *t, const struct path *path, const struct certificate *end,
	const struct chain_result *result)
{
	char subject[DN_TEXT_MAX], where[WHERE_TEXT_MAX];

	certificate_subject_text(end, subject, sizeof(subject));
	if (result->problem != CHAIN_NO_ISSUER)
		task_no(t, "certificate %.120s (of '%.60s'): %s", result->subject, t->remote,
			result->detail);
	else if (t->round->cacert_count)
		task_no(t,
			"certificate %.80s does not lead to one of the %zu cacerts of %.30s (%.80s): "
			"%.80s: %.110s",
			subject, t->round->cacert_count, t->round->name,
			where_print(t->round->where, where, sizeof(where)), result->subject,
			result->detail);
	else
		task_no(t,
			"certificate %.90s does not lead to one of our %zu trusted CAs (x509ca/): "
			"%.90s: %.130s",
			subject, path->anchor_count, result->subject, result->detail);
}

static bool speaks_for_peer(struct task *t, const struct certificate *end)
{
	const struct id_payload *id = &t->question->remote_id;
	char subject[DN_TEXT_MAX];

	if (certificate_has_id(end, id->type, id->value))
		return true;

	task_no(t,
		"certificate %s does not speak for '%s': that is neither its subject nor among its "
		"subjectAltNames; issue it anew with that name, or let the peer use one that it has",
		certificate_subject_text(end, subject, sizeof(subject)), t->remote);
	return false;
}

static bool trusted(struct task *t, struct path *path, struct certificate *end)
{
	struct chain_result result;
	size_t anchor_count = path->anchor_count;

	if (pinned(t, end))
		path->anchors[anchor_count++] = end;
	if (certificate_check_chain(t->crypto, end, path->untrusted, path->untrusted_count,
		    path->anchors, anchor_count, t->wall, &result) < 0) {
		path_refused(t, path, end, &result);
		return false;
	}
	return true;
}

static bool verify_cert(struct task *t, struct path *path, struct certificate *end)
{
	char subject[DN_TEXT_MAX], issuer[DN_TEXT_MAX], key[KEY_TEXT_MAX];
	char what[DN_TEXT_MAX + 16], voucher[VOUCHER_TEXT_MAX];

	certificate_subject_text(end, subject, sizeof(subject));
	snprintf(what, sizeof(what), "certificate %s", subject);
	if (!speaks_for_peer(t, end) || !trusted(t, path, end) ||
		!signed_by(t, certificate_key(end), what))
		return false;

	snprintf(voucher, sizeof(voucher), "%s (%s) by %s", subject,
		key_print(certificate_key(end), key),
		name_text(certificate_issuer(end), issuer, sizeof(issuer)));
	task_accept(t, voucher);
	return true;
}

/* The peer sent none: those that it may have, as we know them. */
static void verify_known(struct task *t, struct path *path)
{
	const struct id_payload *id = &t->question->remote_id;
	bool done = false;

	for (size_t i = 0; !done && i < t->round->cert_count; i++) {
		struct certificate *cert;

		if (certificate_load(t->crypto, t->round->certs[i], &cert) < 0)
			continue;
		done = verify_cert(t, path, cert);
		certificate_free(cert);
	}
	for (size_t i = 0; !t->round->cert_count && !done && i < t->keys->certs.count; i++) {
		const struct cert_entry *entry = cert_at(t->keys, i);

		if (entry->kind == KEYS_CERT_END_ENTITY &&
			certificate_has_id(entry->cert, id->type, id->value))
			done = verify_cert(t, path, entry->cert);
	}
	if (!done)
		task_no(t,
			"'%s' sent no X.509 certificate, and none for it is loaded; let the peer "
			"send it (send_cert = always), or put it into x509/",
			t->remote);
}

static void verify_with(struct task *t, struct path *path)
{
	struct certificate *end;
	char subject[DN_TEXT_MAX], where[WHERE_TEXT_MAX];

	path_add_anchors(t, path);
	end = path_add_received(t, path);
	if (!end)
		verify_known(t, path);
	else if (!t->round->cert_count || round_names(t->round, end))
		verify_cert(t, path, end);
	else
		task_no(t, "'%s' uses certificate %s, which is not among the certs of %s (%s)",
			t->remote, certificate_subject_text(end, subject, sizeof(subject)),
			t->round->name, where_print(t->round->where, where, sizeof(where)));
}

void verify_certs(struct task *t)
{
	struct path path;

	if (path_open(t, &path))
		verify_with(t, &path);
	else
		task_no(t, "out of memory");
	path_close(&path);
}
