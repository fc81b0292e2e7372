// What goes wrong, and what somebody is told of it: every exception on this page ends here, or is handled by its kind.

/** What the API refused, or the gateway before it. Both say why in `message`, in words that people can be shown. */
export class Refused extends Error {
  constructor(response, answer) {
    super(answer.message ?? `The server answered ${response.status}.`);
    this.status = response.status;
    this.code = answer.code;
    /** In how many seconds to ask again, where the server has said so. */
    this.retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  }
}

/** No response of the API came: there is no network, it took too long, or something else has answered. */
export class Unreachable extends Error {}

/** A file did not arrive: the network has gone, or its address has expired. */
export class NotUploaded extends Error {}

/** Whether the same call may succeed later. No partial write was made then, so it can be made again as it is. */
export const isPassing = (error) =>
  error instanceof Unreachable || (error instanceof Refused && (error.status === 429 || error.status >= 500));

/** Whether what was asked for has expired, or was erased. */
export const isGone = (error) => error instanceof Refused && error.status === 404;

/** Do what ends without a word where a conversation is found to be gone: the page has shown it by then. */
export async function unlessGone(act) {
  try {
    await act();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Say in words what an exception means for whoever uses the page. */
export function inWords(error) {
  if (error instanceof Refused) return error.message;
  if (error instanceof Unreachable) return "There is no connection to the server. Trying again …";
  if (error instanceof NotUploaded) return "It was not uploaded. Try again, or remove it.";
  return `Something went wrong on this page: ${error?.message ?? error}. Reload it to go on.`;
}

/** Make a listener of what somebody asks for by a click or a key: what keeps the page from it is told in words. */
export const guarded = (tell, act) => async (event) => {
  tell(null);
  try {
    await act(event);
  } catch (error) {
    tell(inWords(error));
  }
};
