/* What is pure in the daemon: its command line, the lines of its log, prefixes of ranges, what a datagram is,
 * which ciphers are fastest, and the kernel's words in front of a packet of the TUN device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/ciphers.h"
#include "host/log.h"
#include "host/options.h"
#include "host/tun.h"
#include "host/udp.h"
#include "wire/ikev2.h"
#include "wire/prefix.h"

/* Options. */

static enum options_verdict parse(char **words, struct options *o, char problem[static 256])
{
	int count = 0;

	while (words[count])
		count++;
	problem[0] = 0;
	return options_parse(count, words, o, problem, 256);
}

#define WORDS(...) ((char *[]){ (char *)(uintptr_t) "ternd", __VA_ARGS__ __VA_OPT__(, ) NULL })
#define WORD(text) ((char *)(uintptr_t)(text))

static void options_have_defaults(void **state)
{
	struct options o;
	char problem[256];

	(void)state;
	assert_int_equal(parse(WORDS(), &o, problem), OPTIONS_RUN);
	assert_string_equal(o.config, "/etc/tern");
	assert_false(o.config_given);
	assert_null(o.settings);
	assert_null(o.vici);
	assert_int_equal(o.data_plane, OPTIONS_DATA_PLANE_NOT_SET);
}

static void options_are_taken(void **state)
{
	struct options o;
	char problem[256];

	(void)state;
	assert_int_equal(
		parse(WORDS(WORD("--config"), WORD("/a"), WORD("--settings=/b"), WORD("--vici"),
			      WORD("unix:///c"), WORD("--data-plane"), WORD("user")),
			&o, problem),
		OPTIONS_RUN);
	assert_string_equal(o.config, "/a");
	assert_true(o.config_given);
	assert_string_equal(o.settings, "/b");
	assert_string_equal(o.vici, "/c");
	assert_int_equal(o.data_plane, DATA_PLANE_USER);
	assert_int_equal(parse(WORDS(WORD("--help")), &o, problem), OPTIONS_HELP);
	assert_int_equal(parse(WORDS(WORD("--version")), &o, problem), OPTIONS_VERSION);
}

static void bad_options_are_explained(void **state)
{
	struct options o;
	char problem[256];

	(void)state;
	assert_int_equal(
		parse(WORDS(WORD("--data-plane"), WORD("quantum")), &o, problem), OPTIONS_BAD);
	assert_non_null(strstr(problem, "quantum"));
	assert_int_equal(parse(WORDS(WORD("--config")), &o, problem), OPTIONS_BAD);
	assert_non_null(strstr(problem, "--config"));
	assert_int_equal(parse(WORDS(WORD("--frobnicate")), &o, problem), OPTIONS_BAD);
	assert_non_null(strstr(problem, "--frobnicate"));
	assert_int_equal(parse(WORDS(WORD("start")), &o, problem), OPTIONS_BAD);
	assert_non_null(strstr(problem, "start"));
}

/* Log. */

struct log_row {
	struct ike_event event;
	const char *text;
};

static void events_become_words(void **state)
{
	const struct ike_path path = {
		.remote = { { 4, { 192, 0, 2, 1 } }, 500 },
	};
	const struct log_row rows[] = {
		{ { .kind = IKE_EVENT_SENT,
			  .text = "IKE_SA_INIT request 0 [ SA KE No ]",
			  .path = &path,
			  .size = 432 },
			"sent IKE_SA_INIT request 0 [ SA KE No ] to 192.0.2.1[500] (432 bytes)" },
		{ { .kind = IKE_EVENT_RECEIVED,
			  .text = "IKE_AUTH response 1 [ N(AUTHENTICATION_FAILED) ]",
			  .path = &path,
			  .size = 80 },
			"received IKE_AUTH response 1 [ N(AUTHENTICATION_FAILED) ] from 192.0.2.1[500] (80 bytes)" },
		{ { .kind = IKE_EVENT_DROPPED, .text = "no such SA", .path = &path, .size = 9 },
			"dropped 9 bytes from 192.0.2.1[500]: no such SA" },
		{ { .kind = IKE_EVENT_DROPPED, .text = "half-open limit" },
			"dropped: half-open limit" },
		{ { .kind = IKE_EVENT_CHILD_UP,
			  .ike_name = "site",
			  .child_name = "net",
			  .child_id = 3,
			  .text = "10.1.0.0/24 === 10.2.0.0/24" },
			"child net/3 up: 10.1.0.0/24 === 10.2.0.0/24" },
		{ { .kind = IKE_EVENT_CHILD_REKEYED,
			  .child_name = "net",
			  .child_id = 4,
			  .old_id = 3,
			  .text = "" },
			"child net/4 rekeyed from net/3" },
		{ { .kind = IKE_EVENT_IKE_REKEYED,
			  .ike_name = "site",
			  .ike_id = 2,
			  .old_id = 1,
			  .text = "" },
			"IKE SA rekeyed from site/1" },
		{ { .kind = IKE_EVENT_FAILED, .text = "no proposal chosen" },
			"failed: no proposal chosen" },
		{ { .kind = IKE_EVENT_NOTE, .text = "the peer is behind a NAT" },
			"the peer is behind a NAT" },
		{ { .kind = IKE_EVENT_DONE, .ok = false, .text = "no child nonsense" },
			"command failed: no child nonsense" },
	};
	char out[LOG_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(log_render(&rows[i].event, out, sizeof(out)), rows[i].text);
}

static void lines_have_time_and_connection(void **state)
{
	const struct tm when = { .tm_hour = 12, .tm_min = 34, .tm_sec = 56 };
	struct log_line line = { .group = "IKE", .ike_name = "site", .ike_id = 1, .text = "up" };
	char out[64];

	(void)state;
	assert_string_equal(
		log_format(&line, &when, 789, out, sizeof(out)), "12:34:56.789 [site/1] up\n");
	line.ike_name = "";
	line.ike_id = 0;
	assert_string_equal(log_format(&line, &when, 7, out, sizeof(out)), "12:34:56.007 up\n");
}

static void nobody_forges_a_line(void **state)
{
	const struct tm when = { 0 };
	const struct log_line line = { .ike_name = "",
		.text = "a\n12:00:00.000 [root/1] \033[2Jb" };
	const struct log_line long_line = { .ike_name = "",
		.text = "0123456789012345678901234567890123456789" };
	char out[64], small[24];

	(void)state;
	assert_string_equal(log_format(&line, &when, 0, out, sizeof(out)),
		"00:00:00.000 a?12:00:00.000 [root/1] ?[2Jb\n");
	assert_string_equal(
		log_format(&long_line, &when, 0, small, sizeof(small)), "00:00:00.000 012345678\n");
}

/* Prefixes. */

struct prefix_row {
	const char *first, *last;
	size_t count;
	const char *prefixes[8];
};

static void ranges_become_prefixes(void **state)
{
	static const struct prefix_row rows[] = {
		{ "10.1.0.0", "10.1.0.255", 1, { "10.1.0.0/24" } },
		{ "10.1.0.7", "10.1.0.7", 1, { "10.1.0.7/32" } },
		{ "0.0.0.0", "255.255.255.255", 1, { "0.0.0.0/0" } },
		{ "10.0.0.1", "10.0.0.9", 4,
			{ "10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31" } },
		{ "255.255.255.254", "255.255.255.255", 1, { "255.255.255.254/31" } },
		{ "2001:db8::", "2001:db8::ffff", 1, { "2001:db8::/112" } },
		{ "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, { "::/0" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix got[PREFIXES_MAX];
		struct address first, last;

		assert_int_equal(address_parse(rows[i].first, &first), 0);
		assert_int_equal(address_parse(rows[i].last, &last), 0);
		assert_int_equal(prefixes_of_range(&first, &last, got), rows[i].count);
		for (size_t j = 0; j < rows[i].count; j++) {
			char address[ADDRESS_TEXT_MAX], text[64];

			snprintf(text, sizeof(text), "%s/%u",
				address_print(&got[j].address, address), got[j].bits);
			assert_string_equal(text, rows[i].prefixes[j]);
		}
	}
}

static void the_widest_range_of_prefixes_fits(void **state)
{
	struct prefix got[PREFIXES_MAX];
	struct address first, last;

	(void)state;
	assert_int_equal(address_parse("::1", &first), 0);
	assert_int_equal(address_parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", &last), 0);
	assert_int_equal(prefixes_of_range(&first, &last, got), 254);
}

/* Datagrams on 4500. */

static void datagrams_are_told_apart(void **state)
{
	static const uint8_t keepalive[] = { 0xff };
	static const uint8_t ike[] = { 0, 0, 0, 0, 1, 2, 3, 4 };
	static const uint8_t esp[] = { 0xc1, 2, 3, 4, 0, 0, 0, 1, 9 };
	struct bytes content;

	(void)state;
	assert_int_equal(udp_classify(true, BYTES_OF(keepalive), &content), UDP_NOTHING);
	assert_int_equal(udp_classify(true, BYTES_EMPTY, &content), UDP_NOTHING);
	assert_int_equal(udp_classify(true, BYTES(esp, 7), &content), UDP_NOTHING);
	assert_int_equal(udp_classify(true, BYTES_OF(esp), &content), UDP_ESP);
	assert_int_equal(content.size, sizeof(esp));
	assert_int_equal(udp_classify(true, BYTES_OF(ike), &content), UDP_IKE);
	assert_int_equal(content.size, 4);
	assert_ptr_equal(content.data, ike + 4);
	assert_int_equal(udp_classify(false, BYTES_OF(esp), &content), UDP_IKE);
	assert_int_equal(content.size, sizeof(esp));
}

static void what_came_as_one_is_several(void **state)
{
	uint8_t octets[25];
	struct datagram whole = { .data = BYTES_OF(octets), .tos = 7, .segment_bytes = 10 }, one;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(datagram_next(&whole, &at, &one));
		assert_ptr_equal(one.data.data, octets + i * 10);
		assert_int_equal(one.data.size, i < 2 ? 10 : 5);
		assert_int_equal(one.tos, 7);
		assert_int_equal(one.segment_bytes, 0);
	}
	assert_false(datagram_next(&whole, &at, &one));

	whole.segment_bytes = 0;
	at = 0;
	assert_true(datagram_next(&whole, &at, &one));
	assert_int_equal(one.data.size, 25);
	assert_false(datagram_next(&whole, &at, &one));

	whole.data = BYTES_EMPTY;
	at = 0;
	assert_true(datagram_next(&whole, &at, &one));
	assert_int_equal(one.data.size, 0);
	assert_false(datagram_next(&whole, &at, &one));
}

/* Ciphers. */

static void keep_line(void *context, const struct log_line *line)
{
	char *kept = context;
	size_t size = strlen(kept);

	assert_string_equal(line->group, "DMN");
	assert_true(size + strlen(line->text) + 2 < 1024);
	strcpy(kept + size, line->text);
	strcat(kept, "\n");
}

static void ciphers_are_chosen_by_measuring(void **state)
{
	static const uint16_t alike[] = { ENCR_AES_GCM_8, ENCR_AES_GCM_12, ENCR_AES_GCM_16 };
	char kept[1024] = "", want[128];
	struct crypto *c = crypto_new(NULL);
	struct log log = { .subscriber = keep_line, .context = kept };
	enum cipher_backend gcm, chacha;

	(void)state;
	ciphers_choose(c, &log);
	gcm = cipher_backend_of(c, ENCR_AES_GCM_16);
	chacha = cipher_backend_of(c, ENCR_CHACHA20_POLY1305);
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		assert_int_equal(cipher_backend_of(c, alike[i]), gcm);
	assert_int_equal(cipher_backend_of(c, ENCR_AES_CBC), CIPHERS_OPENSSL);
	snprintf(want, sizeof(want), "AES-GCM is computed by %s: ", cipher_backend_name(gcm));
	assert_non_null(strstr(kept, want));
	snprintf(want, sizeof(want),
		"ChaCha20-Poly1305 is computed by %s: ", cipher_backend_name(chacha));
	assert_non_null(strstr(kept, want));
	crypto_free(c);
}

/* The TUN device. */

/* flags, kind, header's length, segment, where to sum from, where the sum goes: as the machine has numbers. */
static size_t tun_header(
	uint8_t *out, uint8_t flags, uint8_t kind, const uint16_t numbers[static 4])
{
	out[0] = flags;
	out[1] = kind;
	memcpy(out + 2, numbers, 8);
	return TUN_HEADER_BYTES;
}

enum { INCOMPLETE = 1, TCPV4 = 1, UFO = 3, TCPV6 = 4, UDP = 5, ECN = 0x80 };

static void incomplete_checksums_are_completed(void **state)
{
	/* 8 octets, the sum of a pseudo-header in the last two: 0x1234 + 0x5678 + 0x0101 is its sum */
	uint8_t memory[TUN_HEADER_BYTES + 8] = {
		[TUN_HEADER_BYTES + 2] = 0x12, 0x34, 0x56, 0x78, 1, 1
	};
	const uint16_t right[] = { 0, 0, 2, 4 }, outside[] = { 0, 0, 4, 3 };
	struct bytes packet;
	uint16_t segment;

	(void)state;
	tun_header(memory, INCOMPLETE, 0, right);
	assert_true(tun_header_take(memory, sizeof(memory), &packet, &segment));
	assert_int_equal(packet.size, 8);
	assert_int_equal(segment, 0);
	assert_int_equal(load_u16(packet.data + 6), 0xffff - (0x1234 + 0x5678 + 0x0101));

	/* a sum that says "none" in UDP is written as the other zero */
	memset(memory, 0, sizeof(memory));
	store_u16(memory + TUN_HEADER_BYTES + 2, 0xffff);
	tun_header(memory, INCOMPLETE, 0, right);
	assert_true(tun_header_take(memory, sizeof(memory), &packet, &segment));
	assert_int_equal(load_u16(packet.data + 6), 0xffff);

	tun_header(memory, INCOMPLETE, 0, outside);
	assert_false(tun_header_take(memory, sizeof(memory), &packet, &segment));
	tun_header(memory, 0, 0, outside);
	assert_true(tun_header_take(memory, sizeof(memory), &packet, &segment));
	assert_false(tun_header_take(memory, TUN_HEADER_BYTES, &packet, &segment));
	assert_false(tun_header_take(memory, 3, &packet, &segment));
}

static void packets_to_be_cut_are_known(void **state)
{
	uint8_t memory[TUN_HEADER_BYTES + 60] = { 0 };
	const uint16_t some[] = { 40, 1400, 20, 16 }, none[] = { 40, 0, 20, 16 };
	const uint8_t kinds[] = { TCPV4, TCPV6, UDP, TCPV4 | ECN };
	struct bytes packet;
	uint16_t segment;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds); i++) {
		tun_header(memory, INCOMPLETE, kinds[i], some);
		assert_true(tun_header_take(memory, sizeof(memory), &packet, &segment));
		assert_int_equal(segment, 1400);
		tun_header(memory, 0, kinds[i], some);
		assert_false(tun_header_take(memory, sizeof(memory), &packet, &segment));
		tun_header(memory, INCOMPLETE, kinds[i], none);
		assert_false(tun_header_take(memory, sizeof(memory), &packet, &segment));
	}
	tun_header(memory, INCOMPLETE, UFO, some);
	assert_false(tun_header_take(memory, sizeof(memory), &packet, &segment));
}

static void written_headers_say_how_to_cut(void **state)
{
	const struct {
		uint8_t first, protocol, data_offset;
		uint8_t kind;
		uint16_t numbers[4];
	} rows[] = {
		{ 0x45, 6, 0x50, TCPV4, { 40, 1000, 20, 16 } },
		{ 0x45, 6, 0x80, TCPV4, { 52, 1000, 20, 16 } },
		{ 0x60, 6, 0x80, TCPV6, { 72, 1000, 40, 16 } },
		{ 0x45, 17, 0, UDP, { 28, 1000, 20, 6 } },
		{ 0x60, 17, 0, UDP, { 48, 1000, 40, 6 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t packet[80] = { rows[i].first }, got[TUN_HEADER_BYTES],
			want[TUN_HEADER_BYTES];
		bool ipv4 = rows[i].first == 0x45;

		packet[ipv4 ? 9 : 6] = rows[i].protocol;
		packet[ipv4 ? 32 : 52] = rows[i].data_offset;
		tun_header(want, INCOMPLETE, rows[i].kind, rows[i].numbers);
		tun_header_make(packet, 1000, got);
		assert_memory_equal(got, want, sizeof(want));
		tun_header_make(packet, 0, got);
		memset(want, 0, sizeof(want));
		assert_memory_equal(got, want, sizeof(want));
	}
}

/* Through a pair of sockets in the device's place: what is written is what is read. */
static void packets_cross_with_and_without_words(void **state)
{
	const uint8_t octets[40] = { 0x45, [9] = 6, [32] = 0x50, [39] = 9 };
	const struct bytes pieces[] = { BYTES(octets, 20), BYTES(octets + 20, 20) };
	uint8_t memory[TUN_READ_BYTES];
	struct bytes packet;
	uint16_t segment;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	for (int header = 0; header < 2; header++) {
		struct tun in = { .fd = ends[0], .has_header = header },
			   out = { .fd = ends[1], .has_header = header };

		for (int cut = 0; cut <= header; cut++) {
			assert_true(tun_write(&in, pieces, 2, (uint16_t)(cut * 7)));
			assert_true(tun_read(&out, memory, &packet, &segment));
			assert_int_equal(packet.size, sizeof(octets));
			assert_memory_equal(packet.data, octets, sizeof(octets));
			assert_int_equal(segment, cut * 7);
		}
		assert_false(tun_read(&out, memory, &packet, &segment));
	}
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_have_defaults),
		cmocka_unit_test(options_are_taken),
		cmocka_unit_test(bad_options_are_explained),
		cmocka_unit_test(events_become_words),
		cmocka_unit_test(lines_have_time_and_connection),
		cmocka_unit_test(nobody_forges_a_line),
		cmocka_unit_test(ranges_become_prefixes),
		cmocka_unit_test(the_widest_range_of_prefixes_fits),
		cmocka_unit_test(datagrams_are_told_apart),
		cmocka_unit_test(what_came_as_one_is_several),
		cmocka_unit_test(ciphers_are_chosen_by_measuring),
		cmocka_unit_test(incomplete_checksums_are_completed),
		cmocka_unit_test(packets_to_be_cut_are_known),
		cmocka_unit_test(written_headers_say_how_to_cut),
		cmocka_unit_test(packets_cross_with_and_without_words),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
