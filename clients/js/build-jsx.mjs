// Elements are made by React's oldest function: it takes fewer bytes to call than the newer ones.
export { createElement } from "react";
