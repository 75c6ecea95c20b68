/** Hands the body on to the presigned URL that the client names. */
export default {
  fetch(request: Request): Promise<Response> {
    return fetch(request.headers.get('x-target') ?? '', { method: 'PUT', body: request.body });
  },
};
