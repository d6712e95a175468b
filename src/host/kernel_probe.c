/* What a kernel can do is found out by doing it: a state is installed that no packet meets, and goes at
 * once. Also here: the sockets' part in it, and what an earlier run left. */
#include "host/kernel_internal.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host/host.h"
#include "wire/ikev2.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define PROBE_SPI 0x74657374u

static const struct seal_suite probed[] = {
	{ .encr = ENCR_AES_GCM_16, .key_bits = 128 },
	{ .encr = ENCR_AES_CBC, .key_bits = 128, .integ = INTEG_HMAC_SHA2_256_128 },
};

#define PROBED (sizeof(probed) / sizeof(probed[0]))

static int probe_one(struct kernel_socket *s, const struct seal_suite *suite, uint8_t family)
{
	struct child_spec spec = {
		.protocol = PROTOCOL_ESP, .suite = *suite, .spi_in = PROBE_SPI, .replay_window = 32
	};
	const struct xfrm_state_wanted wanted = { .spec = &spec, .inbound = true };
	struct xfrm_request r;
	struct xfrm_name name;
	int failed;

	(void)address_parse(family == 4 ? "127.0.0.1" : "::1", &spec.path.local.address);
	spec.path.remote = spec.path.local;
	spec.keys_in.encr.size = suite_encr_key_bytes(suite);
	spec.keys_in.integ.size = suite_integ_key_bytes(suite);
	memset(spec.keys_in.encr.data, 0x5a, spec.keys_in.encr.size);
	name = xfrm_name_of(&spec, true);
	failed = kernel_request(s, &r, xfrm_put_state(&r, &wanted), NULL, NULL);
	if (!failed)
		(void)kernel_request(s, &r, xfrm_put_state_delete(&r, &name), NULL, NULL);
	return failed;
}

static const char *why_not(int failed)
{
	switch (-failed) {
	case EPERM:
		return "it needs root (or CAP_NET_ADMIN)";
	case EPROTONOSUPPORT:
		return "the kernel has no ESP (modules esp4 and esp6)";
	case ENOSYS:
	case ENOENT:
		return "the kernel has no such algorithm";
	default:
		return strerror(-failed);
	}
}

int kernel_probe(struct kernel_socket *s, bool all, bool ipv6, char *why, size_t why_size)
{
	size_t found = 0;
	int failed = 0;

	for (uint8_t family = 4; family <= (ipv6 ? 6 : 4); family += 2)
		for (size_t i = 0; i < PROBED; i++) {
			struct xfrm_algorithms names = { 0 };
			int r = probe_one(s, &probed[i], family);

			found += r == 0;
			if (!r || failed)
				continue;
			failed = r;
			(void)xfrm_algorithms_of(&probed[i], &names);
			snprintf(why, why_size,
				"no ESP of IPv%u with %s can be set up in the kernel: %s", family,
				names.aead ? names.aead : names.encr, why_not(r));
		}
	return failed && (all || !found) ? failed : 0;
}

/* Cleaning. */

bool told_list_add(struct told_list *l, const struct xfrm_told *told)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct xfrm_told *more = reallocarray(l->list, room, sizeof(*more));

		if (!more)
			return false;
		l->list = more;
		l->room = room;
	}
	l->list[l->count++] = *told;
	return true;
}

static int found_keep(const struct nlmsghdr *h, void *context)
{
	struct told_list *f = context;
	struct xfrm_told told;

	if (xfrm_read(BYTES(h, h->nlmsg_len), &told) &&
		(told.kind == XFRM_TOLD_STATE
				? xfrm_is_our_state(told.sequence)
				: told.kind == XFRM_TOLD_POLICY && xfrm_is_our_policy(told.index)))
		(void)told_list_add(f, &told);
	return MNL_CB_OK;
}

void kernel_clean(struct kernel_socket *s)
{
	struct xfrm_request r;
	struct told_list f = { 0 };

	(void)kernel_request(s, &r, xfrm_put_policies_dump(&r), found_keep, &f);
	(void)kernel_request(s, &r, xfrm_put_states_dump(&r), found_keep, &f);
	for (size_t i = 0; i < f.count; i++) {
		const struct xfrm_told *t = &f.list[i];
		int built = t->kind == XFRM_TOLD_POLICY
			? xfrm_put_policy_delete_index(&r, t->index, &t->tie)
			: xfrm_put_state_delete(&r, &t->name);

		(void)kernel_request(s, &r, built, NULL, NULL);
	}
	free(f.list);
}

/* Sockets. IKE passes whatever the policies say of our addresses, and ESP in UDP goes to the kernel. */

static int pass_by(const struct datagram_socket *s)
{
	struct xfrm_userpolicy_info pass = { .action = XFRM_POLICY_ALLOW };
	int level = s->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int option = s->family == 6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;

	pass.sel.family = s->family == 6 ? AF_INET6 : AF_INET;
	for (uint8_t direction = XFRM_POLICY_IN; direction <= XFRM_POLICY_OUT; direction++) {
		pass.dir = direction;
		if (setsockopt(s->fd, level, option, &pass, sizeof(pass)) < 0)
			return -errno;
	}
	return 0;
}

static int set_encap(const struct datagram_socket *s, int type)
{
	int off = 0;

	/* What was coalesced the kernel couldn't open. */
	if (type)
		(void)setsockopt(s->fd, IPPROTO_UDP, UDP_GRO, &off, sizeof(off));
	return setsockopt(s->fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof(type)) < 0 ? -errno : 0;
}

static bool shared(const struct host *h, size_t i)
{
	return h->udp.sockets[i].fd >= 0 && h->udp.sockets[i].port == h->udp.port_nat_t;
}

int kernel_sockets_set_up(struct host *h, char *why, size_t why_size)
{
	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		const struct datagram_socket *s = &h->udp.sockets[i];
		int r = s->fd < 0 ? 0 : pass_by(s);

		if (!r && shared(h, i))
			r = set_encap(s, UDP_ENCAP_ESPINUDP);
		if (!r)
			continue;
		snprintf(why, why_size, "the socket of UDP port %u for it: %s", s->port,
			strerror(-r));
		for (size_t j = 0; j <= i; j++)
			if (shared(h, j))
				(void)set_encap(&h->udp.sockets[j], 0);
		return r;
	}
	return 0;
}
