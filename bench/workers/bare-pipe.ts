/** Hands a body on to, or back from, the presigned URL that the client names. */
export default {
  fetch(request: Request): Promise<Response> {
    const target = request.headers.get('x-target') ?? '';
    return request.method === 'GET' ? fetch(target) : fetch(target, { method: 'PUT', body: request.body });
  },
};
