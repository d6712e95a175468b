/* A peer that has authenticated and means harm: two hosts of ours in a world, one of which (bob) changes what it
 * is about to seal, or adds payloads to it. The input says what the world does (set up, move, redirect, rekey,
 * crash, resume ...), an octet each after their number, and then the changes to each of bob's messages: so whatever the exchanges may carry
 * is read where it is read, and not only where a message decodes. With LADDER in the environment it prints what
 * happened. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/exchange.h"
#include "ike/v2/send.h"
#include "sim/world.h"

#define STEPS_MAX    40
#define MESSAGES_MAX 400 /* of bob's: no input makes the world go on for ever */

/* Alice is the gateway at first; both know the same of each other. */
static const char text[] =
	"connections {\n net {\n version = 2\n local_addrs = %%any\n remote_addrs = %s\n proposals = aes128gcm16-prfsha256-x25519\n"
	" local {\n auth = psk\n id = %s\n }\n remote {\n auth = psk\n id = %s\n }\n resumption = yes\n dpd_delay = 10s\n childless = %s\n %s\n %s\n"
	" children {\n net {\n local_ts = %s\n remote_ts = %s\n esp_proposals = aes128gcm16-x25519, aes128gcm16\n }\n"
	" more {\n local_ts = %s\n remote_ts = %s\n esp_proposals = aes128gcm16\n }\n }\n }\n}\n"
	"pools {\n small {\n addrs = 10.3.0.0/28\n dns = 10.1.0.53\n }\n six {\n addrs = fd03::/120\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n";

static const char *const addresses[] = { "192.0.2.1", "192.0.2.2" };
static const char *const others[] = { "198.51.100.1", "198.51.100.2" };
static const char *const ids[] = { "alice", "bob" };
static const char *const networks[] = { "10.1.0.0/16", "10.2.0.0/16" };
static const char *const second_rounds[] = {
	"local-2 {\n auth = psk\n id = alice.user\n round = 2\n }\n remote-2 {\n auth = psk\n id = bob.user\n round = 2\n }\n",
	"local-2 {\n auth = psk\n id = bob.user\n round = 2\n }\n remote-2 {\n auth = psk\n id = alice.user\n round = 2\n }\n",
};

enum how {
	HOW_TWO_ROUNDS = 1,
	HOW_CHILDLESS = 2,
	HOW_POOLS = 4,
	HOW_ASKS = 8, /* alice is the one who asks for an address */
	HOW_REDIRECTS = 16,
	HOW_IMMOBILE = 32,
	HOW_COOKIES = 64, /* and no NATs are allowed */
	HOW_NAT = 128,    /* bob is behind one */
};

/* What is left of the changes; bob's engine, whose messages they are for. */
static struct reader input;
static const struct ike_engine *hostile;
static unsigned messages;

static struct host *make_host(struct world *w, int side, uint8_t how)
{
	bool asks = (how & HOW_ASKS) ? side == 0 : side == 1;
	const char *pool = !(how & HOW_POOLS) ? ""
		: asks                        ? "vips = 0.0.0.0, ::"
					      : "pools = small, six";
	const char *there = how & HOW_POOLS ? "dynamic, 10.0.0.0/8" : networks[!side];
	const char *here = how & HOW_POOLS ? "dynamic, 10.0.0.0/8" : networks[side];
	char more[600], config[3000];
	struct ike_options o;

	ike_options_default(&o);
	o.tickets = true;
	o.qcd_secret.size = 32;
	memset(o.qcd_secret.data, 'a' + side, 32);
	o.cookie_threshold = how & HOW_COOKIES ? 1 : 0;
	o.nat_traversal = !(how & HOW_COOKIES);
	if (how & HOW_REDIRECTS && side)
		gateway_parse("198.51.100.1", &o.redirect_to);
	snprintf(more, sizeof(more), "%s%s%s", how & HOW_TWO_ROUNDS ? second_rounds[side] : "",
		how & HOW_IMMOBILE ? "mobike = no\n" : "",
		how & HOW_REDIRECTS && !side ? "redirect_to = 198.51.100.2\n" : "");
	snprintf(config, sizeof(config), text, how & HOW_NAT && !side ? "%any" : addresses[!side],
		ids[side], ids[!side], how & HOW_CHILDLESS ? "prefer" : "allow", more, pool, here,
		there, networks[side], networks[!side]);
	return world_host(w, ids[side], addresses[side], config, &o);
}

static void add_payload(struct exchange *x)
{
	uint8_t type = (uint8_t)(PAYLOAD_SA + read_u8(&input) % 22), size = read_u8(&input);

	if (size > reader_left(&input))
		size = (uint8_t)reader_left(&input);
	write_bytes(exchange_payload(x, type), read_bytes(&input, size));
	exchange_payload_end(x);
}

static void add_notify(struct exchange *x)
{
	uint16_t type = (uint16_t)(INITIAL_CONTACT + read_u8(&input) % 48);
	uint8_t size = read_u8(&input) % 80;

	if (size > reader_left(&input))
		size = (uint8_t)reader_left(&input);
	exchange_notify(x, type, read_bytes(&input, size));
}

static void change_octet(struct exchange *x)
{
	uint16_t at = read_u16(&input);
	uint8_t value = read_u8(&input);

	if (x->out.used)
		x->out.start[at % x->out.used] ^= value;
}

void __real_send_message(struct exchange *x);
void __wrap_send_message(struct exchange *x);

void __wrap_send_message(struct exchange *x)
{
	if (x->engine == hostile && messages++ < MESSAGES_MAX && reader_left(&input)) {
		for (uint8_t count = read_u8(&input) % 4; count; count--) {
			uint8_t what = read_u8(&input);

			if (what < 64)
				add_payload(x);
			else if (what < 160)
				add_notify(x);
			else
				change_octet(x);
		}
	}
	__real_send_message(x);
}

/* Who does what; with the highest bit the next step follows at once. */
static void step(struct host *alice, struct host *bob, uint8_t what)
{
	struct host *who = what & 16 ? alice : bob;
	struct world *w = who->world;

	switch (what & 15) {
	case 15:
		host_initiate(who, what & 32 ? "more" : "net");
		break;
	case 1:
		host_set_address(who, what & 32 ? addresses[who == bob] : others[who == bob]);
		break;
	case 2:
		host_add_address(who, others[who == bob]);
		break;
	case 3:
		host_redirect(
			who, "net", what & 32 ? addresses[who == alice] : others[who == alice]);
		break;
	case 4:
		host_rekey(who, "net", NULL);
		break;
	case 5:
		host_rekey(who, NULL, "net");
		break;
	case 6:
		host_reauthenticate(who, "net");
		break;
	case 7:
		host_terminate(who, what & 32 ? NULL : "net", what & 32 ? "net" : NULL);
		break;
	case 8:
		host_restart(who);
		hostile = bob->engine;
		break;
	case 9:
		host_packet(who, who == bob ? "10.2.0.1" : "10.1.0.1",
			who == bob ? "10.1.0.1" : "10.2.0.1");
		break;
	case 10:
		world_cut(w, alice, bob, !world_link(w, alice, bob)->partition);
		break;
	case 11: /* long enough to give up */
		world_run(w, 400 * NS_PER_SECOND);
		break;
	case 12:
		if (w->nat_count)
			nat_rebind(w->nats[0]);
		break;
	default:
		world_run(w, NS_PER_MS << (what >> 4));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = world_new(1);
	struct host *alice, *bob;
	uint8_t how, count;
	struct bytes steps;

	input = reader_of(BYTES(data, size));
	how = read_u8(&input);
	count = read_u8(&input) % STEPS_MAX;
	steps = read_bytes(&input, count < reader_left(&input) ? count : reader_left(&input));
	alice = make_host(w, 0, how);
	bob = make_host(w, 1, how);
	hostile = bob->engine;
	messages = 0;
	if (how & HOW_NAT)
		host_behind(bob, world_nat(w, "203.0.113.1", 0));
	for (size_t i = 0; i < steps.size; i++) {
		step(alice, bob, steps.data[i]);
		if (!(steps.data[i] & 128))
			world_settle(w, 2 * NS_PER_SECOND);
	}
	world_settle(w, 10 * NS_PER_SECOND);
	if (getenv("LADDER"))
		world_print_ladder(w);
	world_free(w);
	return 0;
}
