/* Certification authorities. Of an authority only its certificate counts so far; URIs of CRLs and OCSP
 * responders are taken and not used. */
#include "vici/internal.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/pki.h"

static struct vici_authority **authority_find(struct vici *v, const char *name)
{
	struct vici_authority **at = &v->authorities;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void authority_free(struct vici_authority *a)
{
	if (!a)
		return;
	free(a->name);
	free(a->cacert);
	free(a);
}

static bool authority_add(struct vici *v, const char *name, struct bytes cacert)
{
	struct vici_authority **at = authority_find(v, name), *old = *at;
	struct vici_authority *a = calloc(1, sizeof(*a));

	if (!a)
		return false;
	a->name = strdup(name);
	a->cacert = bytes_copy(cacert);
	a->cacert_size = cacert.size;
	if (!a->name || !a->cacert) {
		authority_free(a);
		return false;
	}
	a->next = old ? old->next : NULL;
	*at = a;
	authority_free(old);
	return true;
}

static void command_load_authority(struct vici_session *s, const struct tree_node *request)
{
	const struct tree_node *section = request->first;
	const struct tree_node *cacert = tree_child(section, "cacert");
	char problem[VICI_ERROR_MAX] = "";
	int r;

	if (!section || section->next || section->kind != TREE_SECTION || !*section->name) {
		vici_reply_fail(s, "load-authority takes one section, named like the authority");
		return;
	}
	if (!cacert || cacert->kind != TREE_VALUE || !cacert->value.size) {
		vici_reply_fail(s, "authority %s: cacert is missing", section->name);
		return;
	}
	r = keys_load_cert(
		s->vici->host.keys, KEYS_CERT_CA, cacert->value, "vici", problem, sizeof(problem));
	if (r && r != -EEXIST) {
		vici_reply_fail(
			s, "authority %s: %s", section->name, *problem ? problem : strerror(-r));
		return;
	}
	s->vici->host.credentials_changed(s->vici->host.context);
	if (authority_add(s->vici, section->name, cacert->value))
		vici_reply_ok(s);
	else
		vici_reply_fail(s, "out of memory");
}

/* The holder of credentials can't take back a single certificate, and to be silent about a CA that is still trusted would
 * be wrong: the authority goes, and the answer says what stays. */
static void command_unload_authority(struct vici_session *s, const struct tree_node *request)
{
	const char *name = tree_text(request, "name");
	struct vici_authority **at = name ? authority_find(s->vici, name) : NULL, *a;

	if (!at || !*at) {
		vici_reply_fail(s, "no authority '%s' is loaded", name ? name : "");
		return;
	}
	a = *at;
	*at = a->next;
	authority_free(a);
	vici_reply_fail(s,
		"authority %s is unloaded, but its CA certificate stays trusted until "
		"clear-creds (swanctl --load-all --clear)",
		name);
}

static void command_get_authorities(struct vici_session *s, const struct tree_node *request)
{
	struct vici_buffer b;

	(void)request;
	vici_reply_begin(&b);
	vici_list(&b, "authorities");
	for (const struct vici_authority *a = s->vici->authorities; a; a = a->next)
		vici_item_text(&b, a->name);
	vici_list_end(&b);
	vici_reply(s, &b);
}

static void write_authority(struct vici *v, struct vici_buffer *b, const struct vici_authority *a)
{
	struct certificate *cert;
	char text[512] = "";

	if (certificate_load(v->host.crypto, BYTES(a->cacert, a->cacert_size), &cert) == 0) {
		certificate_subject_text(cert, text, sizeof(text));
		certificate_free(cert);
	}
	vici_section(b, a->name);
	vici_text(b, "cacert", text);
	vici_list(b, "crl_uris");
	vici_list_end(b);
	vici_list(b, "ocsp_uris");
	vici_list_end(b);
	vici_section_end(b);
}

static void command_list_authorities(struct vici_session *s, const struct tree_node *request)
{
	const char *wanted = tree_text(request, "name");

	for (const struct vici_authority *a = s->vici->authorities; a; a = a->next) {
		struct vici_buffer b;

		if (wanted && strcmp(wanted, a->name) != 0)
			continue;
		vici_event_begin(&b, VICI_EVENT_LIST_AUTHORITY);
		write_authority(s->vici, &b, a);
		vici_emit(s, VICI_EVENT_LIST_AUTHORITY, &b);
	}
	vici_reply_empty(s);
}

const struct vici_command vici_commands_authorities[] = {
	{ "load-authority", command_load_authority },
	{ "unload-authority", command_unload_authority },
	{ "get-authorities", command_get_authorities },
	{ "list-authorities", command_list_authorities },
	{ NULL, NULL },
};

void vici_authorities_clear(struct vici *v)
{
	while (v->authorities) {
		struct vici_authority *a = v->authorities;

		v->authorities = a->next;
		authority_free(a);
	}
}

void vici_close(struct vici *v)
{
	if (!v)
		return;
	vici_authorities_clear(v);
	for (size_t i = 0; i < VICI_LOG_LINES; i++)
		free(v->lines[i]);
	free(v);
}
