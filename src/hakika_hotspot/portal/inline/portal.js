(function(){var form=document.getElementById('login');if(form&&form.getAttribute('data-go')){form.submit();return}
var url=document.body.getAttribute('data-wait');if(!url||!window.fetch)return;
function ask(){fetch(url,{cache:'no-store',credentials:'same-origin'}).then(function(r){return r.json()}).then(function(s){
if(s.changed)location.replace(location.href);else ask()}).catch(function(){setTimeout(ask,2000)})}ask()})()
