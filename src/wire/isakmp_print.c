/* IKEv1 messages and payloads as people read them. A message is one line for a ladder; a payload in
 * words is for who wants to know what was offered. Passwords never show, only their size. */
#include "wire/dn.h"
#include "wire/isakmp_transforms.h"
#include "wire/text.h"

static const struct text_name attribute_names[] = {
	{ INTERNAL_IP4_ADDRESS, "ADDR" },
	{ INTERNAL_IP4_NETMASK, "MASK" },
	{ INTERNAL_IP4_DNS, "DNS" },
	{ INTERNAL_IP4_NBNS, "NBNS" },
	{ V1_INTERNAL_ADDRESS_EXPIRY, "EXPIRY" },
	{ INTERNAL_IP4_DHCP, "DHCP" },
	{ APPLICATION_VERSION, "VER" },
	{ INTERNAL_IP6_ADDRESS, "ADDR6" },
	{ INTERNAL_IP6_DNS, "DNS6" },
	{ INTERNAL_IP4_SUBNET, "SUBNET" },
	{ SUPPORTED_ATTRIBUTES, "SUP" },
	{ V1_XAUTH_TYPE, "X_TYPE" },
	{ V1_XAUTH_USER_NAME, "X_USER" },
	{ V1_XAUTH_USER_PASSWORD, "X_PWD" },
	{ V1_XAUTH_PASSCODE, "X_CODE" },
	{ V1_XAUTH_MESSAGE, "X_MSG" },
	{ V1_XAUTH_CHALLENGE, "X_CHALL" },
	{ V1_XAUTH_DOMAIN, "X_DOMAIN" },
	{ V1_XAUTH_STATUS, "X_STATUS" },
	{ V1_XAUTH_NEXT_PIN, "X_PIN" },
	{ V1_XAUTH_ANSWER, "X_ANSWER" },
	{ UNITY_BANNER, "U_BANNER" },
	{ V1_UNITY_SAVE_PASSWD, "U_SAVEPWD" },
	{ UNITY_DEF_DOMAIN, "U_DEFDOM" },
	{ UNITY_SPLITDNS_NAME, "U_SPLITDNS" },
	{ UNITY_SPLIT_INCLUDE, "U_SPLITINC" },
	{ V1_UNITY_NATT_PORT, "U_NATTPORT" },
	{ UNITY_LOCAL_LAN, "U_LOCALLAN" },
	{ V1_UNITY_PFS, "U_PFS" },
	{ V1_UNITY_FW_TYPE, "U_FWTYPE" },
	{ V1_UNITY_BACKUP_SERVERS, "U_BKPSRV" },
	{ V1_UNITY_DDNS_HOSTNAME, "U_DDNSHOST" },
	{ 0, NULL },
};

static const struct text_name protocol_names[] = {
	{ V1_PROTOCOL_ISAKMP, "ISAKMP" },
	{ V1_PROTOCOL_AH, "AH" },
	{ V1_PROTOCOL_ESP, "ESP" },
	{ V1_PROTOCOL_IPCOMP, "IPCOMP" },
	{ 0, NULL },
};

/* In one line. */

static void add_notify(struct text *t, struct bytes body)
{
	char scratch[NAME_TEXT_MAX];
	struct v1_notify n;

	text_add(t, "N(");
	text_add(t, v1_notify_decode(body, &n) ? v1_notify_name(n.type, scratch) : "?");
	text_add(t, ")");
}

static void add_vendor(struct text *t, struct bytes body)
{
	enum v1_vendor vendor = v1_vendor_find(body);

	text_add(t, "V");
	if (vendor == V1_VENDOR_UNKNOWN)
		return;

	text_add(t, "(");
	text_add(t, v1_vendor_name(vendor));
	text_add(t, ")");
}

/* With its values where `details`. */
static void add_attributes(struct text *t, struct bytes body, bool details)
{
	static const struct text_name types[] = {
		{ V1_CFG_REQUEST, "CPRQ(" },
		{ V1_CFG_REPLY, "CPRP(" },
		{ V1_CFG_SET, "CPS(" },
		{ V1_CFG_ACK, "CPA(" },
		{ 0, NULL },
	};
	struct v1_attributes a;
	struct v1_attribute attribute;
	const char *name = v1_attributes_begin(body, &a) ? text_name_find(types, a.type) : NULL;
	const char *separator = "";

	text_add(t, name ? name : "CP(");
	while (name && v1_attribute_next(&a.r, &attribute) > 0) {
		text_add(t, separator);
		text_add_name(t, attribute_names, attribute.type);
		if (details) {
			text_add(t, ":");
			text_add_number(t, attribute.value.size);
		}
		separator = " ";
	}
	text_add(t, ")");
}

static void add_fragment(struct text *t, struct bytes body)
{
	struct v1_fragment f;

	text_add(t, "FRAG(");
	if (v1_fragment_decode(body, &f)) {
		text_add_number(t, f.number);
		text_add(t, f.last ? "/last" : "");
	} else {
		text_add(t, "?");
	}
	text_add(t, ")");
}

static void add_payload(struct text *t, const struct payload *p)
{
	char scratch[NAME_TEXT_MAX];

	switch (p->type) {
	case V1_PAYLOAD_NOTIFY:
		add_notify(t, p->body);
		break;
	case V1_PAYLOAD_VENDOR:
		add_vendor(t, p->body);
		break;
	case V1_PAYLOAD_ATTRIBUTES:
		add_attributes(t, p->body, false);
		break;
	case V1_PAYLOAD_FRAGMENT:
		add_fragment(t, p->body);
		break;
	default:
		text_add(t, v1_payload_name(p->type, scratch));
	}
}

char *v1_message_print(const struct ike_header *header, const struct payload_chain *chain,
	char *out, size_t out_size)
{
	char scratch[NAME_TEXT_MAX];
	struct text t = text_of(out, out_size);

	if (header) {
		text_add(&t, v1_exchange_name(header->exchange, scratch));
		text_add(&t, " ");
		text_add_number(&t, header->message_id);
		text_add(&t, " ");
	}

	text_add(&t, "[ ");
	if (!chain && header && header->flags & V1_FLAG_ENCRYPTION)
		text_add(&t, "E ");
	for (size_t i = 0; chain && i < chain->count; i++) {
		add_payload(&t, &chain->payloads[i]);
		text_add(&t, " ");
	}
	text_add(&t, "]");

	return out;
}

/* In words. */

static void add_spis(struct text *t, struct bytes spis, size_t size)
{
	for (size_t at = 0; size && at + size <= spis.size; at += size) {
		text_add(t, " ");
		text_add_hex(t, BYTES(spis.data + at, size));
	}
}

/* What isn't ours is told by its numbers. */
static void add_raw_transform(struct text *t, const struct v1_transform *transform)
{
	struct reader r = reader_of(transform->attributes);
	struct v1_attribute a;

	text_add(t, "transform ");
	text_add_number(t, transform->id);
	while (v1_attribute_next(&r, &a) > 0) {
		uint64_t number;

		text_add(t, " ");
		text_add_number(t, a.type);
		text_add(t, "=");
		if (v1_attribute_number(&a, &number))
			text_add_number(t, number);
		else
			text_add_hex(t, a.value);
	}
}

static void add_life(struct text *t, uint64_t seconds, uint64_t kilobytes)
{
	if (seconds) {
		text_add(t, ", ");
		text_add_number(t, seconds);
		text_add(t, "s");
	}
	if (kilobytes) {
		text_add(t, ", ");
		text_add_number(t, kilobytes);
		text_add(t, "KB");
	}
}

static void add_proposal_text(struct text *t, const struct proposal *p)
{
	char text[160];

	text_add(t, proposal_print(p, text, sizeof(text)));
}

static void add_ike_transform(struct text *t, const struct v1_transform *transform)
{
	char scratch[NAME_TEXT_MAX];
	struct v1_ike_transform ike;
	struct proposal p;

	if (v1_ike_transform_decode(transform, &ike) || !v1_ike_transform_to_proposal(&ike, &p)) {
		add_raw_transform(t, transform);
		return;
	}

	add_proposal_text(t, &p);
	text_add(t, ", ");
	text_add(t, v1_method_name(ike.method, scratch));
	add_life(t, ike.life_seconds, ike.life_kilobytes);
}

static void add_esp_transform(struct text *t, const struct v1_transform *transform)
{
	static const struct text_name modes[] = {
		{ V1_TUNNEL, ", tunnel" },
		{ V1_TRANSPORT, ", transport" },
		{ V1_UDP_TUNNEL, ", UDP tunnel" },
		{ V1_UDP_TRANSPORT, ", UDP transport" },
		{ V1_UDP_TUNNEL_DRAFT, ", UDP tunnel (draft)" },
		{ V1_UDP_TRANSPORT_DRAFT, ", UDP transport (draft)" },
		{ 0, NULL },
	};
	struct v1_esp_transform esp;
	struct proposal p;
	const char *mode;

	if (v1_esp_transform_decode(transform, &esp) || !v1_esp_transform_to_proposal(&esp, &p)) {
		add_raw_transform(t, transform);
		return;
	}

	add_proposal_text(t, &p);
	mode = text_name_find(modes, esp.encapsulation);
	text_add(t, mode ? mode : "");
	add_life(t, esp.life_seconds, esp.life_kilobytes);
}

static void add_proposal(struct text *t, const struct v1_proposal *p)
{
	struct v1_transform_reader r = v1_transforms_begin(p);
	struct v1_transform transform;
	const char *separator = " ";

	text_add(t, " #");
	text_add_number(t, p->number);
	text_add(t, " ");
	text_add_name(t, protocol_names, p->protocol);
	add_spis(t, p->spi, p->spi.size);
	while (v1_transforms_next(&r, &transform) > 0) {
		text_add(t, separator);
		if (p->protocol == V1_PROTOCOL_ISAKMP)
			add_ike_transform(t, &transform);
		else if (p->protocol == V1_PROTOCOL_ESP)
			add_esp_transform(t, &transform);
		else
			add_raw_transform(t, &transform);
		separator = " | ";
	}
}

static void add_sa(struct text *t, struct bytes body)
{
	struct v1_sa_reader s;
	struct v1_proposal p;

	text_add(t, "SA:");
	if (v1_sa_begin(body, &s) < 0) {
		text_add(t, " of another DOI or situation");
		return;
	}
	while (v1_sa_next(&s, &p) > 0)
		add_proposal(t, &p);
}

static void add_id(struct text *t, struct bytes body)
{
	char text[256];
	struct v1_id id;

	text_add(t, "ID: ");
	text_add(t, v1_id_decode(body, &id) ? v1_id_print(&id, text, sizeof(text)) : "?");
}

static void add_notify_details(struct text *t, struct bytes body)
{
	struct v1_notify n;

	add_notify(t, body);
	if (!v1_notify_decode(body, &n))
		return;

	text_add(t, ": ");
	text_add_name(t, protocol_names, n.protocol);
	add_spis(t, n.spi, n.spi.size);
	if (n.data.size) {
		text_add(t, ", data ");
		text_add_hex(t, n.data);
	}
}

static void add_delete(struct text *t, struct bytes body)
{
	struct v1_delete d;

	text_add(t, "D:");
	if (!v1_delete_decode(body, &d)) {
		text_add(t, " ?");
		return;
	}
	text_add(t, " ");
	text_add_name(t, protocol_names, d.protocol);
	add_spis(t, d.spis, d.spi_size);
}

static void add_size(struct text *t, const struct payload *p)
{
	text_add(t, ": ");
	text_add_number(t, p->body.size);
	text_add(t, " octets");
}

static void add_cert(struct text *t, const struct payload *p)
{
	struct cert_payload cert;
	struct bytes name = cert_decode(p->body, &cert) ? cert.data : BYTES_EMPTY;

	if (p->type != V1_PAYLOAD_CERTREQ || name.size == 0) {
		add_size(t, p);
		return;
	}
	text_add(t, ": ");
	if (!dn_add(t, name))
		text_add(t, "(invalid DN)");
}

static void add_original(struct text *t, const struct payload *p)
{
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	add_payload(t, p);
	text_add(t, ": ");
	text_add(t, v1_nat_oa_decode(p->body, &a) ? address_print(&a, text) : "?");
}

char *v1_payload_print(const struct payload *p, char *out, size_t out_size)
{
	struct text t = text_of(out, out_size);

	switch (p->type) {
	case V1_PAYLOAD_SA:
		add_sa(&t, p->body);
		break;
	case V1_PAYLOAD_ID:
		add_id(&t, p->body);
		break;
	case V1_PAYLOAD_NOTIFY:
		add_notify_details(&t, p->body);
		break;
	case V1_PAYLOAD_DELETE:
		add_delete(&t, p->body);
		break;
	case V1_PAYLOAD_ATTRIBUTES:
		add_attributes(&t, p->body, true);
		break;
	case V1_PAYLOAD_CERT:
	case V1_PAYLOAD_CERTREQ:
		add_payload(&t, p);
		add_cert(&t, p);
		break;
	case V1_PAYLOAD_NAT_OA:
	case V1_PAYLOAD_NAT_OA_DRAFT:
		add_original(&t, p);
		break;
	default:
		add_payload(&t, p);
		add_size(&t, p);
	}

	return out;
}

char *v1_id_print(const struct v1_id *id, char *out, size_t out_size)
{
	struct id_payload name = { .type = id->type, .value = id->value };
	bool plain = id->protocol == 0 && id->port == 0;
	char text[SELECTOR_TEXT_MAX];
	struct selector s;
	struct text t;

	switch (id->type) {
	case V1_ID_IPV4_ADDR:
	case V1_ID_IPV6_ADDR:
		if (plain)
			return id_print(&name, out, out_size);
		break;
	case V1_ID_IPV4_ADDR_SUBNET:
	case V1_ID_IPV6_ADDR_SUBNET:
	case V1_ID_IPV4_ADDR_RANGE:
	case V1_ID_IPV6_ADDR_RANGE:
		break;
	default:
		return id_print(&name, out, out_size);
	}

	t = text_of(out, out_size);
	text_add(&t, v1_id_to_selector(id, &s) ? selector_print(&s, text) : "?");
	return out;
}
