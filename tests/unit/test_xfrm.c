/* What the kernel's data plane says to the kernel, octet by octet as linux/xfrm.h has it, and how what the
 * kernel says is read. The octets are of a little-endian machine. */
#include "wire/ikev2.h"
#include "xfrm/xfrm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A message as the octets in it that aren't zero. */
struct piece {
	size_t at;
	const char *hex, *text;
};

#define FF32 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void assert_octets(const struct xfrm_request *r, const struct piece *pieces, size_t count)
{
	uint8_t wanted[XFRM_REQUEST_BYTES] = { 0 };
	char here[2 * XFRM_REQUEST_BYTES + 1], there[2 * XFRM_REQUEST_BYTES + 1];
	size_t size = xfrm_header(r)->nlmsg_len;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].text)
			memcpy(wanted + pieces[i].at, pieces[i].text, strlen(pieces[i].text));
		else
			assert_true(bytes_from_hex(pieces[i].hex, wanted + pieces[i].at,
					    sizeof(wanted) - pieces[i].at) > 0);
	}
	bytes_to_hex(BYTES(r->data, size), here, sizeof(here));
	bytes_to_hex(BYTES(wanted, size), there, sizeof(there));
	assert_string_equal(here, there);
}

#define ASSERT_OCTETS(request, pieces)                                                             \
	assert_octets(request, pieces, sizeof(pieces) / sizeof((pieces)[0]))

static struct address address(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(text, &a), 0);
	return a;
}

static struct selector selector(const char *first, const char *last)
{
	struct address a = address(first);

	return (struct selector){
		.family = a.family, .port_last = UINT16_MAX, .first = a, .last = address(last)
	};
}

static struct child_spec a_child(void)
{
	struct child_spec s = { .child_id = 7,
		.protocol = PROTOCOL_ESP,
		.suite = { .encr = ENCR_AES_GCM_16, .key_bits = 128 },
		.spi_in = 0x11223344,
		.spi_out = 0x55667788,
		.copy_ecn = true,
		.replay_window = 32 };

	s.path.local = (struct endpoint){ address("192.0.2.1"), 4500 };
	s.path.remote = (struct endpoint){ address("192.0.2.2"), 20000 };
	s.keys_in.encr.size = s.keys_out.encr.size = 20;
	memset(s.keys_in.encr.data, 0x11, 20);
	memset(s.keys_out.encr.data, 0x22, 20);
	return s;
}

static void a_state_inbound(void **state)
{
	const struct piece pieces[] = {
		{ 0, "5001000010000506" },
		{ 72, "c0000201" }, /* destination, SPI, protocol */
		{ 88, "1122334432" },
		{ 96, "c0000202" },    /* source */
		{ 112, FF32 },         /* no limits */
		{ 220, "07006574" },   /* its owner and child */
		{ 224, "03000074" },   /* reqid */
		{ 228, "0200012020" }, /* IPv4, tunnel, window, AF_UNSPEC */
		{ 240, "60001200" },   /* XFRMA_ALG_AEAD */
		{ 244, NULL, "rfc4106(gcm(aes))" },
		{ 308, "a000000080000000" },
		{ 316, "1111111111111111111111111111111111111111" },
	};
	struct child_spec s = a_child();
	const struct xfrm_state_wanted wanted = {
		.spec = &s, .inbound = true, .reqid = XFRM_REQID_FIRST + 3, .mark = 1
	};
	struct xfrm_request r;

	(void)state;
	assert_int_equal(xfrm_put_state(&r, &wanted), 0);
	ASSERT_OCTETS(&r, pieces);
}

static void a_state_outbound_with_everything(void **state)
{
	const struct piece pieces[] = {
		{ 0, "0c02000010000506" }, { 72, "c0000202" }, { 88, "5566778832" },
		{ 96, "c0000201" }, { 112, FF32 },
		{ 112, "e803000000000000" }, /* soft limit of octets */
		{ 220, "0700657405000000" }, { 228, "02000100a5" },
		{ 240, "58000200" }, /* XFRMA_ALG_CRYPT */
		{ 244, NULL, "cbc(aes)" }, { 308, "80000000" },
		{ 312, "22222222222222222222222222222222" },
		{ 328, "6c001400" }, /* XFRMA_ALG_AUTH_TRUNC */
		{ 332, NULL, "hmac(sha256)" }, { 396, "0001000080000000" },
		{ 404, "3333333333333333333333333333333333333333333333333333333333333333" },
		{ 436, "1c000400" },                          /* XFRMA_ENCAP */
		{ 440, "020011944e20" }, { 464, "24001700" }, /* XFRMA_REPLAY_ESN_VAL */
		{ 468, "02000000" }, { 488, "40000000" },
		{ 500, "0800180001000000" }, /* XFRMA_SA_EXTRA_FLAGS */
		{ 508, "08001600ffffffff" }, /* XFRMA_TFCPAD */
		{ 516, "08001d006e726574" }, /* XFRMA_SET_MARK */
	};
	struct child_spec s = a_child();
	const struct xfrm_state_wanted wanted = { .spec = &s, .reqid = 5, .mark = 0x7465726e };
	struct xfrm_request r;

	(void)state;
	s.suite = (struct seal_suite){ ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128 };
	s.keys_out.encr.size = 16;
	s.keys_out.integ.size = 32;
	memset(s.keys_out.integ.data, 0x33, 32);
	s.esn = s.encap = true;
	s.replay_window = 64;
	s.copy_ecn = false;
	s.copy_df = COPY_DF_NO;
	s.copy_dscp = COPY_DSCP_NONE;
	s.tfc_padding = UINT32_MAX;
	s.soft_bytes = 1000;
	assert_int_equal(xfrm_put_state(&r, &wanted), 0);
	ASSERT_OCTETS(&r, pieces);
}

/* Before its 32-bit sequence numbers are used up an SA asks to be replaced, and then it ends. */
static void a_state_without_esn_ends_in_time(void **state)
{
	struct child_spec s = a_child();
	const struct xfrm_state_wanted wanted = { .spec = &s, .reqid = 5 };
	const struct xfrm_usersa_info *sa;
	struct xfrm_request r;

	(void)state;
	assert_int_equal(xfrm_put_state(&r, &wanted), 0);
	sa = mnl_nlmsg_get_payload(xfrm_header(&r));
	assert_true(sa->lft.soft_packet_limit < UINT32_MAX);
	assert_true(sa->lft.hard_packet_limit == UINT32_MAX);
	s.soft_packets = 100;
	assert_int_equal(xfrm_put_state(&r, &wanted), 0);
	assert_true(sa->lft.soft_packet_limit == 100);
}

static void names_of_algorithms(void **state)
{
	static const struct {
		struct seal_suite suite;
		const char *aead, *encr, *integ;
		uint32_t icv_bits;
	} rows[] = {
		{ { ENCR_3DES, 0, INTEG_HMAC_SHA1_96 }, NULL, "cbc(des3_ede)", "hmac(sha1)", 96 },
		{ { ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256 }, NULL, "ecb(cipher_null)",
			"hmac(sha512)", 256 },
		{ { ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_384_192 }, NULL, "cbc(aes)", "hmac(sha384)",
			192 },
		{ { ENCR_AES_CTR, 128, INTEG_AES_XCBC_96 }, NULL, "rfc3686(ctr(aes))", "xcbc(aes)",
			96 },
		{ { ENCR_AES_CBC, 128, INTEG_AES_CMAC_96 }, NULL, "cbc(aes)", "cmac(aes)", 96 },
		{ { ENCR_AES_CCM_8, 128, INTEG_NONE }, "rfc4309(ccm(aes))", NULL, NULL, 64 },
		{ { ENCR_AES_GCM_12, 256, INTEG_NONE }, "rfc4106(gcm(aes))", NULL, NULL, 96 },
		{ { ENCR_NULL_AES_GMAC, 128, INTEG_NONE }, "rfc4543(gcm(aes))", NULL, NULL, 128 },
		{ { ENCR_CHACHA20_POLY1305, 0, INTEG_NONE }, "rfc7539esp(chacha20,poly1305)", NULL,
			NULL, 128 },
	};
	const struct seal_suite unknown = { 4711, 128, INTEG_NONE };
	struct xfrm_algorithms a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(xfrm_algorithms_of(&rows[i].suite, &a), 0);
		assert_int_equal(a.icv_bits, rows[i].icv_bits);
		assert_string_equal(a.aead ? a.aead : "", rows[i].aead ? rows[i].aead : "");
		assert_string_equal(a.encr ? a.encr : "", rows[i].encr ? rows[i].encr : "");
		assert_string_equal(a.integ ? a.integ : "", rows[i].integ ? rows[i].integ : "");
	}
	assert_int_equal(xfrm_algorithms_of(&unknown, &a), -ENOTSUP);
}

static void a_policy(void **state)
{
	const struct piece pieces[] = {
		{ 0, "fc00000019000500" },
		{ 16, "0a020000" }, /* destination, source */
		{ 32, "0a010000" },
		{ 56, "02001818" },
		{ 72, FF32 },
		{ 168, "80feff6f" },   /* priority */
		{ 172, "0900007401" }, /* index, out */
		{ 184, "44000500" },   /* XFRMA_TMPL */
		{ 188, "c0000202" },
		{ 208, "32" },
		{ 212, "0200" },
		{ 216, "c0000201" },
		{ 232, "0300007401" },
		{ 240, "ffffffffffffffffffffffff" },
	};
	const struct piece deletion[] = { { 0, "5000000014000500" }, { 72, "0900007401" } };
	struct selectors local = { 1, { selector("10.1.0.0", "10.1.0.255") } };
	struct selectors remote = { 1, { selector("10.2.0.0", "10.2.0.255") } };
	struct xfrm_policy_wanted wanted = { .direction = XFRM_POLICY_OUT,
		.index = XFRM_OWNER_INDEX | 1 << 3 | XFRM_POLICY_OUT,
		.reqid = XFRM_REQID_FIRST + 3,
		.source = address("192.0.2.1"),
		.destination = address("192.0.2.2") };
	struct xfrm_request r;

	(void)state;
	assert_int_equal(xfrm_selectors_of(&local, &remote, &wanted.selector, 1), 1);
	assert_int_equal(xfrm_put_policy(&r, &wanted), 0);
	ASSERT_OCTETS(&r, pieces);
	assert_int_equal(xfrm_put_policy_delete_index(&r, wanted.index, &wanted.tie), 0);
	ASSERT_OCTETS(&r, deletion);
}

static void a_policy_with_mark_and_interface(void **state)
{
	const struct piece deletion[] = { { 0, "6400000014000500" }, { 72, "0900007401" },
		{ 80, "0c0015002a000000ff000000" }, /* XFRMA_MARK */
		{ 92, "08001f0007000000" } };       /* XFRMA_IF_ID */
	const struct xfrm_policy_wanted wanted = { .direction = XFRM_POLICY_OUT,
		.index = XFRM_OWNER_INDEX | 1 << 3 | XFRM_POLICY_OUT,
		.tie = { { 0x2a, 0xff }, 7 } };
	struct xfrm_request plain, r;
	struct xfrm_policy_wanted without = wanted;
	struct xfrm_told t;
	struct nlmsghdr *told = (struct nlmsghdr *)(void *)r.data;

	(void)state;
	assert_int_equal(xfrm_put_policy_delete_index(&r, wanted.index, &wanted.tie), 0);
	ASSERT_OCTETS(&r, deletion);
	without.tie = (struct xfrm_tie){ 0 };
	assert_int_equal(xfrm_put_policy(&plain, &without), 0);
	assert_int_equal(xfrm_put_policy(&r, &wanted), 0);
	assert_int_equal(xfrm_header(&r)->nlmsg_len, xfrm_header(&plain)->nlmsg_len + 20);
	assert_memory_equal(r.data + 4, plain.data + 4, xfrm_header(&plain)->nlmsg_len - 4);
	assert_memory_equal(r.data + xfrm_header(&plain)->nlmsg_len,
		"\x0c\x00\x15\x00\x2a\x00\x00\x00\xff\x00\x00\x00\x08\x00\x1f\x00\x07\x00\x00\x00",
		20);

	/* A dump tells it the same way, which is how one that was left there is taken away. */
	told->nlmsg_type = XFRM_MSG_NEWPOLICY;
	assert_true(xfrm_read(BYTES(r.data, told->nlmsg_len), &t));
	assert_int_equal(t.kind, XFRM_TOLD_POLICY);
	assert_int_equal(t.tie.mark.value, 0x2a);
	assert_int_equal(t.tie.mark.mask, 0xff);
	assert_int_equal(t.tie.if_id, 7);
}

/* What follows the keys of a state: the attributes that tie it to marks and interfaces. */
static void assert_ties(const struct child_spec *s, bool inbound, const char *hex)
{
	const struct xfrm_state_wanted wanted = {
		.spec = s, .inbound = inbound, .reqid = 5, .mark = 0x7465726e
	};
	const size_t keys_end = 336; /* header, state, XFRMA_ALG_AEAD */
	struct xfrm_request r;
	char here[200];

	assert_int_equal(xfrm_put_state(&r, &wanted), 0);
	bytes_to_hex(BYTES(r.data + keys_end, xfrm_header(&r)->nlmsg_len - keys_end), here,
		sizeof(here));
	assert_string_equal(here, hex);
}

static void a_state_for_the_device(void **state)
{
	struct child_spec s = a_child();
	const struct xfrm_state_wanted in = { .spec = &s, .inbound = true, .reqid = 5 };
	const struct xfrm_state_wanted out = { .spec = &s, .reqid = 5 };
	const size_t keys_end = 336;
	struct nlmsghdr *told;
	struct xfrm_request r;
	struct xfrm_told t;

	(void)state;
	assert_int_equal(xfrm_put_state(&r, &out), 0);
	assert_int_equal(xfrm_add_offload(&r, 3, &s, false), 0);
	assert_int_equal(xfrm_header(&r)->nlmsg_len, keys_end + 12);
	assert_memory_equal(
		r.data + keys_end, "\x0c\x00\x1c\x00\x03\x00\x00\x00\x00\x00\x00\x00", 12);
	assert_int_equal(xfrm_put_state(&r, &in), 0);
	s.path.local.address = address("2001:db8::1");
	assert_int_equal(xfrm_add_offload(&r, 3, &s, true), 0);
	assert_int_equal(r.data[keys_end + 8], XFRM_OFFLOAD_INBOUND | XFRM_OFFLOAD_IPV6);
	told = (struct nlmsghdr *)(void *)r.data; /* as the kernel tells it */
	assert_true(xfrm_read(BYTES(r.data, told->nlmsg_len), &t));
	assert_true(t.offloaded);
	told->nlmsg_len -= 12;
	assert_true(xfrm_read(BYTES(r.data, told->nlmsg_len), &t));
	assert_false(t.offloaded);
}

static void an_optional_policy(void **state)
{
	const struct xfrm_policy_wanted wanted = { .direction = XFRM_POLICY_FWD };
	struct xfrm_policy_wanted optional = wanted;
	struct xfrm_request r, o;

	(void)state;
	optional.optional = true;
	assert_int_equal(xfrm_put_policy(&r, &wanted), 0);
	assert_int_equal(xfrm_put_policy(&o, &optional), 0);
	assert_int_equal(r.data[238], 0); /* of the template: behind mode and share */
	assert_int_equal(o.data[238], 1);
	o.data[238] = 0;
	assert_memory_equal(r.data, o.data, xfrm_header(&r)->nlmsg_len);
}

static void states_have_marks_and_interfaces(void **state)
{
	struct child_spec s = a_child();
	struct xfrm_name name;
	struct xfrm_request r;
	const struct piece deletion[] = { { 0, "3400000011000500" }, { 16, "c0000202" },
		{ 32, "556677880200320000000000" },
		{ 40, "0c0015002b000000ffffffff" } }; /* the state's mark is how it is found */

	(void)state;
	s.marks = (struct child_marks){
		.in = { 0x2a, 0xff }, .out = { 0x2b, UINT32_MAX }, .if_id_in = 7, .if_id_out = 8
	};
	assert_ties(&s, true, "08001f0007000000");
	assert_ties(&s, false, "08001d006e7265740c0015002b000000ffffffff08001f0008000000");
	s.marks.in_sa = true;
	s.marks.set_in = (struct child_mark){ 0x10, 0xf0 };
	s.marks.set_out = (struct child_mark){ 0x20, UINT32_MAX };
	assert_ties(&s, true,
		"08001d001000000008001e00f00000000c0015002a000000ff00000008001f0007000000");
	assert_ties(&s, false, "08001d00200000000c0015002b000000ffffffff08001f0008000000");
	name = xfrm_name_of(&s, false);
	assert_int_equal(xfrm_put_state_delete(&r, &name), 0);
	ASSERT_OCTETS(&r, deletion);
}

static void a_shunt_has_no_template(void **state)
{
	const struct piece pieces[] = {
		{ 0, "b800000019000500" }, /* nothing behind the policy itself */
		{ 16, "0a020000" }, { 32, "0a010000" }, { 56, "02001818" }, { 72, FF32 },
		{ 168, "80fe0070" },                  /* priority: SPAN more than the tunnel's */
		{ 172, "0900007401" }, { 177, "01" }, /* XFRM_POLICY_BLOCK */
	};
	struct selectors local = { 1, { selector("10.1.0.0", "10.1.0.255") } };
	struct selectors remote = { 1, { selector("10.2.0.0", "10.2.0.255") } };
	struct xfrm_policy_wanted tunnel = { .direction = XFRM_POLICY_OUT }, shunt = tunnel;
	struct xfrm_request r;

	(void)state;
	assert_int_equal(xfrm_selectors_of(&local, &remote, &tunnel.selector, 1), 1);
	shunt = tunnel;
	shunt.index = XFRM_OWNER_INDEX | 1 << 3 | XFRM_POLICY_OUT;
	shunt.mode = CHILD_DROP;
	assert_int_equal(xfrm_put_policy(&r, &shunt), 0);
	ASSERT_OCTETS(&r, pieces);
	assert_true(xfrm_policy_priority(&shunt) > xfrm_policy_priority(&tunnel));
	shunt.mode = CHILD_PASS;
	assert_true(xfrm_policy_priority(&shunt) < xfrm_policy_priority(&tunnel));
	shunt.priority = 77;
	assert_int_equal(xfrm_policy_priority(&shunt), 77);
}

#define SELECTORS 64

static int selectors_of(struct selector from, struct selector to, struct xfrm_selector *out)
{
	struct selectors source = { 1, { from } }, destination = { 1, { to } };

	return xfrm_selectors_of(&source, &destination, out, SELECTORS);
}

static void ranges_become_prefixes_and_masks(void **state)
{
	struct selector from = selector("10.1.0.0", "10.1.0.255");
	struct selector to = selector("10.2.0.1", "10.2.0.4"); /* .1, .2/31, .4 */
	struct selector six = selector("2001:db8::", "2001:db8::ffff");
	struct xfrm_selector out[SELECTORS];

	(void)state;
	assert_int_equal(selectors_of(from, to, out), 3);
	assert_int_equal(out[1].prefixlen_d, 31);
	assert_int_equal(selectors_of(from, six, out), 0);

	to = selector("10.2.0.0", "10.2.0.255");
	to.protocol = IPPROTO_TCP;
	to.port_first = 1000;
	to.port_last = 1007; /* 1000/8 */
	assert_int_equal(selectors_of(from, to, out), 1);
	assert_int_equal(ntohs(out[0].dport), 1000);
	assert_int_equal(ntohs(out[0].dport_mask), 0xfff8);
	assert_int_equal(out[0].sport_mask, 0);
	assert_int_equal(out[0].proto, IPPROTO_TCP);
	to.port_first = 1001; /* 1001, 1002/2, 1004/4 */
	assert_int_equal(selectors_of(from, to, out), 3);
	from.protocol = IPPROTO_UDP;
	assert_int_equal(selectors_of(from, to, out), 0);
	from.protocol = 0;
	to.port_first = 1;
	to.port_last = 65534;
	assert_int_equal(selectors_of(from, to, out), 30);
}

static void what_the_kernel_cannot_have_is_refused(void **state)
{
	struct selector from = selector("10.0.0.1", "10.255.255.254"), to = from;
	struct xfrm_selector out[SELECTORS];

	(void)state;
	assert_int_equal(selectors_of(from, to, out), -E2BIG); /* 46 prefixes times 46 */
	from = to = selector("10.0.0.0", "10.255.255.255");
	to.protocol = IPPROTO_TCP;
	to.port_first = UINT16_MAX;
	to.port_last = 0; /* OPAQUE */
	assert_int_equal(selectors_of(from, to, out), -ENOTSUP);
	to.protocol = IPPROTO_ICMP;
	to.port_first = 3 << 8 | 1; /* some codes of a type */
	to.port_last = 3 << 8 | 4;
	assert_int_equal(selectors_of(from, to, out), -ENOTSUP);
}

/* Type and code are where a packet's ports are. */
static void icmp_has_type_and_code(void **state)
{
	struct selector from = selector("10.1.0.0", "10.1.0.255"), to = from;
	struct xfrm_selector out[SELECTORS];

	(void)state;
	from.protocol = IPPROTO_ICMP;
	from.port_first = from.port_last = 3 << 8 | 4;
	assert_int_equal(selectors_of(from, to, out), 1);
	assert_int_equal(ntohs(out[0].sport), 3);
	assert_int_equal(ntohs(out[0].dport), 4);
	assert_int_equal(out[0].dport_mask, 0xffff);
	from.port_first = 8 << 8;
	from.port_last = 8 << 8 | 0xff;
	assert_int_equal(selectors_of(from, to, out), 1);
	assert_int_equal(ntohs(out[0].sport), 8);
	assert_int_equal(out[0].dport_mask, 0);
}

static void narrow_selectors_come_first(void **state)
{
	struct selector from = selector("10.1.0.0", "10.1.0.255"), to = from;
	struct xfrm_selector wide, narrow, ports;

	(void)state;
	assert_int_equal(selectors_of(from, from, &wide), 1);
	to.last = to.first;
	assert_int_equal(selectors_of(from, to, &narrow), 1);
	to = from;
	to.protocol = IPPROTO_TCP;
	to.port_first = to.port_last = 80;
	assert_int_equal(selectors_of(from, to, &ports), 1);
	assert_true(xfrm_priority_of(&ports) < xfrm_priority_of(&wide));
	assert_true(xfrm_priority_of(&narrow) < xfrm_priority_of(&ports));
}

/* Moving. */

static void a_state_moves_with_keys_and_window(void **state)
{
	struct child_spec s = a_child(), to = s;
	const struct xfrm_state_wanted wanted = { .spec = &s, .reqid = 5, .mark = 9 };
	struct xfrm_replay_state replay = { .oseq = 1000, .seq = 7 }, *now;
	struct xfrm_request told, moved;
	const struct xfrm_usersa_info *sa;
	const struct nlattr *a;
	size_t found = 0;

	(void)state;
	assert_int_equal(xfrm_put_state(&told, &wanted), 0);
	assert_true(mnl_attr_put_check((struct nlmsghdr *)(void *)told.data, sizeof(told.data),
		XFRMA_REPLAY_VAL, sizeof(replay), &replay));
	to.path.remote = (struct endpoint){ address("198.51.100.9"), 4500 };
	to.encap = true;
	assert_int_equal(xfrm_put_state_moved(&moved,
				 BYTES(told.data, xfrm_header(&told)->nlmsg_len), &to, false),
		0);
	sa = mnl_nlmsg_get_payload(xfrm_header(&moved));
	assert_memory_equal(&sa->id.daddr, to.path.remote.address.octets, 4);
	assert_int_equal(ntohl(sa->id.spi), s.spi_out);
	assert_int_equal(sa->reqid, 5);
	mnl_attr_for_each(a, xfrm_header(&moved), sizeof(*sa))
	{
		found |= (size_t)1 << mnl_attr_get_type(a);
		if (mnl_attr_get_type(a) != XFRMA_REPLAY_VAL)
			continue;
		now = mnl_attr_get_payload(a);
		assert_int_equal(now->seq, 7);
		assert_true(now->oseq > 1000); /* what was sent meanwhile isn't sent again */
	}
	assert_int_equal(found,
		1ul << XFRMA_ALG_AEAD | 1ul << XFRMA_REPLAY_VAL | 1ul << XFRMA_ENCAP |
			1ul << XFRMA_LTIME_VAL | 1ul << XFRMA_SET_MARK);
}

/* Reading. */

struct heard {
	_Alignas(struct nlmsghdr) uint8_t data[1024];
};

static void *heard_begin(struct heard *h, uint16_t type, size_t size)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(h->data);

	head->nlmsg_type = type;
	return mnl_nlmsg_put_extra_header(head, size);
}

static struct bytes heard_bytes(const struct heard *h)
{
	return BYTES(h->data, ((const struct nlmsghdr *)(const void *)h->data)->nlmsg_len);
}

/* However much of a message is missing, nothing is read beyond it. */
static void read_cut(struct bytes whole)
{
	for (size_t size = 0; size < whole.size; size++) {
		uint8_t *cut = malloc(size ? size : 1);
		struct xfrm_told t;

		assert_non_null(cut);
		memcpy(cut, whole.data, size);
		(void)xfrm_read(BYTES(cut, size), &t);
		free(cut);
	}
}

static void an_acquire_is_read(void **state)
{
	const struct xfrm_user_tmpl tmpl = { .family = AF_INET, .reqid = 77, .mode = 1 };
	struct heard h;
	struct xfrm_user_acquire *q = heard_begin(&h, XFRM_MSG_ACQUIRE, sizeof(*q));
	struct xfrm_told t;

	(void)state;
	q->id.proto = IPPROTO_ESP;
	q->id.daddr.a4 = htonl(0xc0000202);
	q->saddr.a4 = htonl(0xc0000201);
	q->seq = 5;
	q->policy.index = XFRM_OWNER_INDEX | 9;
	q->sel.family = AF_INET;
	q->sel.proto = IPPROTO_TCP;
	q->sel.saddr.a4 = htonl(0x0a010001);
	q->sel.daddr.a4 = htonl(0x0a020001);
	q->sel.sport = htons(40000);
	q->sel.dport = htons(80);
	q->sel.sport_mask = q->sel.dport_mask = UINT16_MAX;
	mnl_attr_put((struct nlmsghdr *)(void *)h.data, XFRMA_TMPL, sizeof(tmpl), &tmpl);
	assert_true(xfrm_read(heard_bytes(&h), &t));
	assert_int_equal(t.kind, XFRM_TOLD_ACQUIRE);
	assert_int_equal(t.reqid, 77);
	assert_int_equal(t.sequence, 5);
	assert_true(xfrm_is_our_policy(t.index));
	assert_int_equal(t.from.port_first, 40000);
	assert_int_equal(t.to.port_last, 80);
	assert_int_equal(load_u32(t.to.first.octets), 0x0a020001);
	assert_int_equal(load_u32(t.name.destination.octets), 0xc0000202);
	read_cut(heard_bytes(&h));
}

static void an_expire_and_a_mapping_are_read(void **state)
{
	struct heard h;
	struct xfrm_user_expire *e = heard_begin(&h, XFRM_MSG_EXPIRE, sizeof(*e));
	struct xfrm_user_mapping *m;
	struct xfrm_told t;

	(void)state;
	e->state.id.proto = IPPROTO_ESP;
	e->state.id.spi = htonl(0x11223344);
	e->state.family = AF_INET6;
	e->hard = 1;
	assert_true(xfrm_read(heard_bytes(&h), &t));
	assert_int_equal(t.kind, XFRM_TOLD_EXPIRE);
	assert_int_equal(t.name.spi, 0x11223344);
	assert_int_equal(t.name.destination.family, 6);
	assert_true(t.hard);
	read_cut(heard_bytes(&h));

	m = heard_begin(&h, XFRM_MSG_MAPPING, sizeof(*m));
	m->id.family = AF_INET;
	m->new_saddr.a4 = htonl(0xc6336401);
	m->new_sport = htons(4501);
	assert_true(xfrm_read(heard_bytes(&h), &t));
	assert_int_equal(t.kind, XFRM_TOLD_MAPPING);
	assert_int_equal(t.remote.port, 4501);
	assert_int_equal(load_u32(t.remote.address.octets), 0xc6336401);
	read_cut(heard_bytes(&h));
}

static void a_state_is_read_as_it_was_written(void **state)
{
	struct child_spec s = a_child();
	const struct xfrm_state_wanted wanted = { .spec = &s, .inbound = true, .reqid = 5 };
	struct xfrm_request r;
	struct xfrm_told t;

	(void)state;
	s.esn = true;
	assert_int_equal(xfrm_put_state(&r, &wanted), 0);
	assert_true(xfrm_read(BYTES(r.data, xfrm_header(&r)->nlmsg_len), &t));
	assert_int_equal(t.kind, XFRM_TOLD_STATE);
	assert_true(xfrm_is_our_state(t.sequence));
	assert_false(xfrm_is_our_state(5));
	assert_int_equal(t.name.spi, s.spi_in);
	assert_true(address_equal(&t.source, &s.path.remote.address));
	read_cut(BYTES(r.data, xfrm_header(&r)->nlmsg_len));
}

static void several_messages_are_told_apart(void **state)
{
	_Alignas(struct nlmsghdr) uint8_t data[64] = { 0 };
	struct nlmsghdr *first = (struct nlmsghdr *)(void *)data;
	struct nlmsghdr *second = (struct nlmsghdr *)(void *)(data + 20);
	struct reader r = reader_of(BYTES(data, 36));
	struct bytes message;

	(void)state;
	first->nlmsg_len = 17; /* and three octets that fill up */
	second->nlmsg_len = 16;
	assert_true(xfrm_next(&r, &message));
	assert_int_equal(message.size, 17);
	assert_true(xfrm_next(&r, &message));
	assert_int_equal(message.size, 16);
	assert_false(xfrm_next(&r, &message));
	second->nlmsg_len = 17; /* more than there is */
	r = reader_of(BYTES(data, 36));
	assert_true(xfrm_next(&r, &message));
	assert_false(xfrm_next(&r, &message));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_inbound),
		cmocka_unit_test(a_state_outbound_with_everything),
		cmocka_unit_test(a_state_without_esn_ends_in_time),
		cmocka_unit_test(names_of_algorithms),
		cmocka_unit_test(a_policy),
		cmocka_unit_test(a_shunt_has_no_template),
		cmocka_unit_test(a_policy_with_mark_and_interface),
		cmocka_unit_test(states_have_marks_and_interfaces),
		cmocka_unit_test(a_state_for_the_device),
		cmocka_unit_test(an_optional_policy),
		cmocka_unit_test(ranges_become_prefixes_and_masks),
		cmocka_unit_test(what_the_kernel_cannot_have_is_refused),
		cmocka_unit_test(icmp_has_type_and_code),
		cmocka_unit_test(narrow_selectors_come_first),
		cmocka_unit_test(a_state_moves_with_keys_and_window),
		cmocka_unit_test(an_acquire_is_read),
		cmocka_unit_test(an_expire_and_a_mapping_are_read),
		cmocka_unit_test(a_state_is_read_as_it_was_written),
		cmocka_unit_test(several_messages_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
