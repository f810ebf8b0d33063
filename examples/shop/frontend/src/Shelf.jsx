import { useEffect, useState } from "react";
import { ask } from "./backend.js";

export const kes = (amount) => `KES ${amount.toLocaleString("en-KE")}`;

export function Shelf({ onBuy }) {
  const [goods, setGoods] = useState([]);
  const [chosen, choose] = useState("");
  useEffect(() => void ask("/goods").then(setGoods, () => {}), []);
  return (
    <ul className="shelf">
      {goods.map(({ id, name, amount }) => (
        <li key={id}>
          <span>{name}</span>
          <span>{kes(amount)}</span>
          <button
            disabled={!!chosen}
            onClick={() => {
              choose(id);
              onBuy(id).finally(() => choose(""));
            }}
          >
            Buy<span className="hidden"> {name}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
