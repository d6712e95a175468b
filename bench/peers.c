/* What one message costs a gateway with many peers, as a ratio to what it costs one with few: nothing
 * that a single peer does may take longer because of the others. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/internal.h"

#define FEW     10
#define MANY    4000
#define ROUNDS  2000
#define ID_SIZE 24

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One host that plays all peers: a connection of its own for each of them. */
static char *peers_config(unsigned count)
{
	size_t each = 400, room = count * each + 200, at;
	char *text = malloc(room);

	at = (size_t)snprintf(text, room, "connections {\n");
	for (unsigned i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, room - at,
			" p%u {\n version = 2\n local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n proposals = aes128gcm16-prfsha256-x25519\n"
			" local {\n auth = psk\n id = p%u.example\n }\n remote {\n auth = psk\n id = gw.example\n }\n }\n",
			i, i);
	snprintf(text + at, room - at, "}\nsecrets {\n ike-1 {\n secret = sharks\n }\n}\n");
	return text;
}

static const char gateway_config[] =
	"connections {\n any {\n version = 2\n local_addrs = 192.0.2.2\n proposals = aes128gcm16-prfsha256-x25519\n"
	" local {\n auth = psk\n id = gw.example\n }\n remote {\n auth = psk\n }\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n";

static void initiate(struct host *peers, unsigned number)
{
	char name[ID_SIZE];

	snprintf(name, sizeof(name), "p%u", number);
	ike_command(peers->engine, host_now(peers),
		&(struct ike_command){ .kind = IKE_COMMAND_INITIATE, .ike = name });
	host_drain(peers);
}

/* Nanoseconds for one rekeying of an IKE SA, both ends of it, all its crypto included. */
static double measure(unsigned count, double *ret_setup)
{
	struct world *w = world_new(1);
	char *text = peers_config(count);
	struct ike_options o;
	struct host *peers, *gateway;
	double begin;

	w->unchecked = true;
	ike_options_default(&o);
	o.cookie_threshold = o.cookie_threshold_address = o.block_threshold = 0;
	peers = world_host(w, "peers", "192.0.2.1", text, &o);
	gateway = world_host(w, "gateway", "192.0.2.2", gateway_config, &o);
	begin = seconds();
	for (unsigned i = 0; i < count; i++) {
		initiate(peers, i);
		world_settle(w, NS_PER_SECOND);
	}
	*ret_setup = (seconds() - begin) / count * 1e9;
	if (host_sas(gateway) != count) {
		fprintf(stderr, "%zu of %u peers came up: %s\n", host_sas(gateway), count,
			peers->last_failure);
		exit(1);
	}
	begin = seconds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		host_rekey(peers, i % 2 ? "p3" : "p7", NULL);
		world_settle(w, NS_PER_SECOND);
	}
	begin = (seconds() - begin) / ROUNDS * 1e9;
	world_free(w);
	free(text);
	return begin;
}

int main(void)
{
	double few_setup, many_setup, few, many;

	few = measure(FEW, &few_setup);
	many = measure(MANY, &many_setup);
	printf("                    %6u peers   %6u peers   ratio\n", FEW, MANY);
	printf("setting one up      %9.0f ns  %9.0f ns   %5.2f\n", few_setup, many_setup,
		many_setup / few_setup);
	printf("rekeying one        %9.0f ns  %9.0f ns   %5.2f\n", few, many, many / few);
	return 0;
}
