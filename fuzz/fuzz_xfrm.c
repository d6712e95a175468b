/* What the kernel might say, as one read of the socket brings it: messages of any content and any length. Where one
 * is a state, it is moved, too. */
#include "xfrm/xfrm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void move(struct bytes message)
{
	const struct child_spec spec = {
		.path.local.address.family = 4, .path.remote.address.family = 4, .encap = true
	};
	struct xfrm_request r;

	(void)xfrm_put_state_moved(&r, message, &spec, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader from = reader_of(BYTES(data, size));
	struct xfrm_told told;
	struct bytes message;

	while (xfrm_next(&from, &message))
		if (xfrm_read(message, &told) && told.kind == XFRM_TOLD_STATE)
			move(message);
	return 0;
}
