// Calls methods of Zapier's SDK, one after the other, and prints what each of them gives or raises.
// The SDK's address and the calls come as arguments: [[method, options, "items" for every page's items]].
const [address, calls] = process.argv.slice(2);
const { createZapierSdk } = await import(address);
const sdk = createZapierSdk();

async function outcome([method, options, items]) {
  try {
    const answer = sdk[method](options);
    return items ? { data: await Array.fromAsync(answer.items()) } : await answer;
  } catch (error) {
    return { error: error.name, message: error.message, status: error.statusCode };
  }
}

const outcomes = [];
for (const call of JSON.parse(calls)) outcomes.push(await outcome(call));
console.log(JSON.stringify(outcomes));
