// Lets node read the page's modules: what the edge serves under /sdk/ is dist/.

export function resolve(specifier, context, next) {
  const found = specifier.startsWith("/sdk/") ? new URL(`../dist/${specifier.slice(5)}`, import.meta.url).href : specifier;
  return next(found, context);
}
