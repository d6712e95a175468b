/* What a spoofed IKE_SA_INIT costs a daemon under a flood, as a ratio to the one hash that it should
 * cost (RFC 7296 §2.6), and how much memory a million of them leave behind. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/world.h"

#define REQUESTS 1000000

static const char config[] =
	"connections {\n net {\n version = 2\n local_addrs = %s\n remote_addrs = %s\n proposals = aes128gcm16-prfsha256-x25519\n"
	" local {\n auth = psk\n id = %s\n }\n remote {\n auth = psk\n }\n children {\n net {\n }\n }\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n";

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct host *host(struct world *w, const char *name, const char *address, const char *peer)
{
	char text[2048];

	snprintf(text, sizeof(text), config, address, peer, name);
	return world_host(w, name, address, text, NULL);
}

/* Another SPI and another address each time, so that nothing is known of any of them. */
static void spoof(struct host *bob, uint8_t *request, size_t size, uint32_t number)
{
	struct ike_path path = { .local = { bob->address, 500 },
		.remote = { .address = { .family = 4 }, .port = 500 } };
	struct ike_output out;

	store_u32(request, number + 1);
	store_u32(path.remote.address.octets, 0x0b000000 + number);
	ike_datagram(bob->engine, bob->world->now, &path, BYTES(request, size));
	while (ike_next_output(bob->engine, &out))
		continue;
}

static double time_hashes(struct crypto *c, struct bytes nonce)
{
	uint8_t secret[32] = { 1 }, spi[8] = { 2 }, address[4] = { 3 }, out[64];
	struct bytes parts[] = { nonce, BYTES_OF(address), BYTES_OF(spi) };
	double begin = seconds();

	for (size_t i = 0; i < REQUESTS; i++)
		prf(c, PRF_HMAC_SHA2_256, BYTES_OF(secret), parts, 3, out);
	return seconds() - begin;
}

int main(void)
{
	struct world *w = world_new(1);
	struct host *alice = host(w, "alice", "192.0.2.1", "192.0.2.2");
	struct host *bob = host(w, "bob", "192.0.2.2", "%any");
	uint8_t request[2048];
	struct ike_stats stats;
	double begin, flood, hashes;
	size_t size, before, after;

	host_initiate(alice, "net");
	world_run(w, NS_PER_MS);
	size = w->packets ? w->packets->size : 0;
	if (!size || size > sizeof(request))
		return 1;
	memcpy(request, w->packets->data, size);

	for (uint32_t i = 0; i < 1000; i++) /* until cookies are asked for */
		spoof(bob, request, size, i);
	before = mallinfo2().uordblks;
	begin = seconds();
	for (uint32_t i = 0; i < REQUESTS; i++)
		spoof(bob, request, size, 1000 + i);
	flood = seconds() - begin;
	after = mallinfo2().uordblks;
	hashes = time_hashes(bob->crypto, BYTES(request, 32));

	ike_stats(bob->engine, &stats);
	printf("spoofed IKE_SA_INIT  %7.0f ns each, %llu cookies sent, %u half-open\n",
		flood / REQUESTS * 1e9, (unsigned long long)stats.cookies_sent, stats.half_open);
	printf("one HMAC-SHA2-256    %7.0f ns\n", hashes / REQUESTS * 1e9);
	printf("ratio                %7.2f\n", flood / hashes);
	printf("memory left behind   %7td octets\n", (ptrdiff_t)(after - before));
	world_free(w);
	return after > before;
}
